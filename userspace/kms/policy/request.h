/* SPDX-License-Identifier: MIT */
/*
 * What a policy is asked: who wants to do what, and the facts that conditions compare.
 *
 * Everything is borrowed. The values are valid UTF-8 of at most PATTERN_TEXT_MAX bytes.
 */
#ifndef ENVELOPE_KMS_POLICY_REQUEST_H
#define ENVELOPE_KMS_POLICY_REQUEST_H

#include <stddef.h>

#include <json-c/json.h>

/* One value of a condition key. A key with several values has a fact for each, a missing key none. */
struct policy_fact {
	const char *name; /* "kms:EncryptionContext:AppName" */
	const char *value;
};

struct policy_request {
	const char *action;    /* "kms:Decrypt" */
	const char *resource;  /* ARN of the key */
	const char *principal; /* ARN of the user, or of a role's session */
	const char *role;      /* ARN of the session's role; NULL for a user */
	const char *account;   /* of the principal */
	const struct policy_fact *facts;
	size_t fact_count;
	const char *user_id; /* unique id of the user; NULL for a principal that has none */
	struct json_object
		*users; /* names in the policy that are bound, with unique ids; NULL: none */
};

#endif
