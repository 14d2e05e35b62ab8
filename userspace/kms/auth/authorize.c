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

/* Actions on the key of another account that AWS has. The key's policy must allow them. */
static const char *const cross_account[] = {
	"CreateGrant",		"Decrypt",
	"DescribeKey",		"Encrypt",
	"GenerateDataKey",	"GenerateDataKeyWithoutPlaintext",
	"GetKeyRotationStatus", "ListGrants",
	"ReEncryptFrom",	"ReEncryptTo",
	"RetireGrant",		"RevokeGrant",
};

/* Actions on the account of the caller, also when they name a key. */
static const char *const of_account[] = { "ListAliases" };

static bool is_one_of(const char *action, const char *const *actions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(actions[i], action))
			return true;
	return false;
}

static int denied(const struct access *access, struct fault *f, bool explicitly)
{
	char caller[160];

	if (access->principal)
		principal_arn(access->principal, caller, sizeof(caller));
	return fault_set(f, "AccessDeniedException",
			 "User: %s is not authorized to perform: kms:%s on resource: %s %s%s%s",
			 access->principal ? caller : "anonymous", access->action, access->resource,
			 explicitly ? "with an explicit deny in a resource-based policy"
				    : "because no resource-based policy allows the kms:",
			 explicitly ? "" : access->action, explicitly ? "" : " action");
}

/**
 * authorize() - decide
 * @f: AccessDeniedException; KMSInternalException if the key's policy or a grant that may decide cannot
 *	be read, which is no denial
 *
 * Return: 0 when the action is allowed, or -1.
 */
int authorize(const struct access *access, struct fault *f)
{
	enum verdict verdict;
	bool own, granted;

	if (!access->principal)
		return denied(access, f, false);
	own = !strcmp(access->principal->account, access->account);
	if (!own && !is_one_of(access->action, cross_account,
			       sizeof(cross_account) / sizeof(cross_account[0])))
		return denied(access, f, false);
	if (!access->key ||
	    is_one_of(access->action, of_account, sizeof(of_account) / sizeof(of_account[0])))
		return own ? 0 : denied(access, f, false);
	if (key_policy_ask(access, &verdict, f))
		return -1;
	if (verdict == VERDICT_ALLOW)
		return 0;
	if (verdict == VERDICT_DENY)
		return denied(access, f, true);
	if (key_grants_ask(access, &granted, f))
		return -1;
	return granted ? 0 : denied(access, f, false);
}
