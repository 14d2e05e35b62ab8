/* SPDX-License-Identifier: MIT */
/*
 * What a grant allows.
 *
 * Pure functions: no clock, no store, no failure. Must never know of the policy of the key: an explicit
 * deny wins over each grant, and authorize() sees to it.
 */
#ifndef ENVELOPE_KMS_GRANT_RULES_H
#define ENVELOPE_KMS_GRANT_RULES_H

#include "kms/grants/grant.h"

struct grant_request {		/* everything is borrowed */
	unsigned int operation; /* one bit of enum grant_operation; 0: no grant can allow it */
	const char *key_id;
	const char *principal; /* unique id of the caller if it is a user, else its ARN */
	const char *
		root; /* ARN of the caller's account; NULL: the caller's policies do not allow it */
	struct json_object *context; /* encryption context of the request; NULL for none */
	const struct grant *made;    /* the one that CreateGrant would make; else NULL */
};

bool grant_allows(const struct grant *grant, const struct grant_request *request);

bool grant_may_retire(const struct grant *grant, const struct grant_request *request);

#endif
