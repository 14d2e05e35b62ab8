// SPDX-License-Identifier: MIT
/* See decision.h. */
#include "kms/policy/decision.h"

/**
 * decide() - with what the policies say
 * @key: of the policy of the key
 * @user: of the policies of the caller: VERDICT_NONE, VERDICT_ALLOW or VERDICT_DENY
 * @own_account: is the key of the account of the caller?
 */
enum decision decide(enum verdict key, enum verdict user, bool own_account)
{
	bool permits = user == VERDICT_ALLOW;

	if (key == VERDICT_DENY)
		return DENIED_BY_KEY;
	if (user == VERDICT_DENY)
		return DENIED_BY_USER;
	if (key == VERDICT_ALLOW && (own_account || permits))
		return ALLOWED;
	return key == VERDICT_ACCOUNT && permits ? ALLOWED : ASK_GRANTS;
}
