/* SPDX-License-Identifier: MIT */
/*
 * The element Condition: operators, their quantifiers, and the keys that this KMS knows.
 *
 * Must never take a key that the KMS does not know: a Deny that waits for it would never hold.
 */
#ifndef ENVELOPE_KMS_POLICY_CONDITION_H
#define ENVELOPE_KMS_POLICY_CONDITION_H

#include "kms/policy/request.h"
#include "kms/policy/statement.h"

#define CONTEXT_KEY "kms:EncryptionContext:"

/* Which values of the request must hold. */
enum quantifier {
	VALUE_ANY,	/* without a prefix: any, or of a negated operator every one */
	FOR_ANY_VALUE,	/* at least one: false of none */
	FOR_ALL_VALUES, /* every one: true of none */
};

struct comparison;

struct condition { /* owned by its statement */
	const struct comparison *comparison;
	enum quantifier quantifier;
	bool if_exists;
	const char *key; /* belongs to the policy's JSON */
	struct texts values;
};

int conditions_read(struct json_object *o, size_t number, struct statement *statement,
		    struct fault *f);

void conditions_free(struct statement *statement);

bool conditions_hold(const struct statement *statement, const struct policy_request *request);

#endif
