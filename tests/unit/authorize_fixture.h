/* SPDX-License-Identifier: MIT */
/*
 * What the tests of authorize() share: a key, its callers, policies, and grants without a store.
 */
#ifndef ENVELOPE_AUTHORIZE_FIXTURE_H
#define ENVELOPE_AUTHORIZE_FIXTURE_H

#include "kms/auth/authorize.h"

#define OWN    "123456789012"
#define OTHER  "210987654321"
#define PAIRS  "{\"app\":\"payroll\",\"volume\":\"1\"}"

#define KEY_ID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define KEY    .key_id = KEY_ID, .account = OWN, .region = "us-east-1"

extern const struct principal user, stranger; /* of OWN, and of OTHER */
extern const struct cmk customer_key, managed_key;

#define STATEMENT(effect, who, what, more)                                    \
	"{\"Effect\":\"" effect "\",\"Principal\":" who ",\"Action\":\"" what \
	"\",\"Resource\":\"arn:aws:kms:*:" OWN ":key/" KEY_ID "\"" more "}"
#define POLICY(statements)	 "{\"Statement\":[" statements "]}"
#define USER			 "{\"AWS\":\"arn:aws:iam::" OWN ":user/user\"}"
#define IF(operator, key, value) ",\"Condition\":{\"" operator"\":{\"" key "\":\"" value "\"}}"

#define GRANTEE			 "arn:aws:iam::" OWN ":user/user"

/* The grants on the key, in place of those of the store: no set is searched. */
struct fixture_grants {
	struct grant list[2];
	size_t count;
	bool damaged;
};
extern struct fixture_grants grants;
extern const struct grant decrypts;

struct access access_to(const struct cmk *key, const char *action,
			const struct principal *principal, struct json_object *context);

int decrypt_by(const struct principal *principal, const char *policy, struct fault *f);

#endif
