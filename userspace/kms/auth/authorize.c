// SPDX-License-Identifier: MIT
/*
 * The decision whether a principal may perform an action. authorize.h says who calls it.
 *
 * Must never read anything but its struct access and the grants that access names.
 */

#include "kms/auth/authorize.h"

#include <string.h>

#include "kms/auth/key_grants.h"
#include "kms/auth/key_policy.h"
#include "kms/auth/user_policy.h"
#include "kms/policy/decision.h"

/* Actions on the key of another account that AWS has. The key's policy must allow them. */
static const char *const cross_account[] = {
	"CreateGrant",		"Decrypt",
	"DescribeKey",		"Encrypt",
	"GenerateDataKey",	"GenerateDataKeyWithoutPlaintext",
	"GetKeyRotationStatus", "ListGrants",
	"ReEncryptFrom",	"ReEncryptTo",
	"RetireGrant",		"RevokeGrant",
};

/* Actions on the account of the caller, also when they name a key. No policy of a key is asked. */
static const char *const of_account[] = { "ListAliases" };

static bool is_one_of(const char *action, const char *const *actions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(actions[i], action))
			return true;
	return false;
}

/* Which kind of policy lacks, or has, what decides. */
static const char *policy_kind(enum verdict key)
{
	return key == VERDICT_ACCOUNT ? "an identity-based policy" : "a resource-based policy";
}

static int denied(const struct access *access, struct fault *f, const char *kind, bool explicitly)
{
	char caller[USER_ARN_MAX];

	if (access->principal)
		principal_arn(access->principal, caller);
	if (explicitly)
		return fault_set(f, "AccessDeniedException",
				 "User: %s is not authorized to perform: %s:%s on resource: %s with an explicit deny in %s",
				 caller, access->service, access->action, access->resource, kind);
	return fault_set(f, "AccessDeniedException",
			 "User: %s is not authorized to perform: %s:%s on resource: %s because no %s allows the %s:%s action",
			 access->principal ? caller : "anonymous", access->service, access->action,
			 access->resource, kind + strcspn(kind, " ") + 1, access->service,
			 access->action);
}

/* The resource is no key: it has no policy of its own, and the account of the caller owns it. */
static int ask_user(const struct access *access, struct fault *f)
{
	const char *kind = policy_kind(VERDICT_ACCOUNT);
	enum verdict verdict;

	if (user_policy_ask(access, &verdict, f))
		return -1;
	return verdict == VERDICT_ALLOW ? 0 : denied(access, f, kind, verdict == VERDICT_DENY);
}

static int ask_grants(const struct access *access, enum verdict key, enum verdict user,
		      struct fault *f)
{
	bool granted;

	if (key_grants_ask(access, user == VERDICT_ALLOW, &granted, f))
		return -1;
	return granted ? 0 : denied(access, f, policy_kind(key), false);
}

/**
 * authorize() - decide
 * @f: AccessDeniedException; KMSInternalException if a policy or a grant that may decide cannot be read,
 *	which is no denial
 *
 * Return: 0 when the action is allowed, or -1.
 */
int authorize(const struct access *access, struct fault *f)
{
	enum verdict key, user;
	bool own;

	if (!access->principal)
		return denied(access, f, policy_kind(VERDICT_NONE), false);
	own = !strcmp(access->principal->account, access->account);
	if (!own && !is_one_of(access->action, cross_account,
			       sizeof(cross_account) / sizeof(cross_account[0])))
		return denied(access, f, policy_kind(VERDICT_NONE), false);
	if (!access->key ||
	    is_one_of(access->action, of_account, sizeof(of_account) / sizeof(of_account[0])))
		return own ? ask_user(access, f)
			   : denied(access, f, policy_kind(VERDICT_NONE), false);
	if (key_policy_ask(access, &key, f) || user_policy_ask(access, &user, f))
		return -1;
	switch (decide(key, user, own)) {
	case DENIED_BY_KEY:
		return denied(access, f, policy_kind(VERDICT_NONE), true);
	case DENIED_BY_USER:
		return denied(access, f, policy_kind(VERDICT_ACCOUNT), true);
	case ALLOWED:
		return 0;
	default:
		return ask_grants(access, key, user, f);
	}
}
