/* SPDX-License-Identifier: MIT */
/*
 * From the name that a client gives a key to the key: resolve, load, authorize, check the state.
 *
 * Must never hand out metadata or material before the caller is authorized.
 */
#ifndef ENVELOPE_KMS_KEY_LOOKUP_H
#define ENVELOPE_KMS_KEY_LOOKUP_H

#include "kms/call.h"
#include "kms/keys/cmk.h"
#include "kms/keys/key_state.h"

#define KEY_REF_TEXT_MAX 2048 /* characters of a KeyId parameter, as AWS */

struct key_wanted {
	const char *key_id; /* key id, key ARN, alias name or alias ARN */
	enum key_use use;
	const char *action;	     /* of policies; NULL: named as the operation */
	struct json_object *context; /* encryption context of the request, or NULL */
	const struct grant *grant;   /* that the call would make or retire, or NULL */
	int64_t rotation_days;	     /* RotationPeriodInDays of the request, or 0 */
};

int key_lookup(struct call *call, const struct key_wanted *wanted, struct cmk *cmk,
	       struct secret **material, struct fault *f);

int key_lookup_no_alias(struct call *call, const struct key_wanted *wanted, struct cmk *cmk,
			struct fault *f);

int key_lookup_id(struct call *call, const char *key_id, enum key_use use, struct cmk *cmk,
		  struct fault *f);

#endif
