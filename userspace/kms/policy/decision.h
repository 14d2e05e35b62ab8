/* SPDX-License-Identifier: MIT */
/*
 * The decision over what the policy of a key, the policies of the caller and the grants on the key say.
 *
 * A pure function. AWS's rules: an explicit deny wins wherever it stands. In the account of the key one
 * allow is enough, but an allow for the account as a whole leaves it to the policies of the caller. A
 * caller of another account needs an allow on both sides. A grant allows by itself.
 */
#ifndef ENVELOPE_KMS_POLICY_DECISION_H
#define ENVELOPE_KMS_POLICY_DECISION_H

#include <stdbool.h>

#include "kms/policy/evaluate.h"

/**
 * enum decision
 * @ASK_GRANTS: allowed if a grant on the key allows it, else denied
 */
enum decision {
	DENIED_BY_KEY,	/* explicitly, by the policy of the key */
	DENIED_BY_USER, /* explicitly, by a policy of the caller */
	ALLOWED,
	ASK_GRANTS,
};

enum decision decide(enum verdict key, enum verdict user, bool own_account);

#endif
