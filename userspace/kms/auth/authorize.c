// SPDX-License-Identifier: MIT
/*
 * The decision whether a principal may perform an action. authorize.h says who calls it.
 *
 * Must never read anything but its struct access.
 */

#include "kms/auth/authorize.h"

#include <string.h>

/* Actions that manage a key. Nobody may manage an AWS managed key. */
static const char *const management[] = {
	"CancelKeyDeletion", "CreateAlias",	    "DeleteAlias", "DisableKey",
	"EnableKey",	     "ScheduleKeyDeletion", "UpdateAlias",
};

static bool is_management(const char *action)
{
	size_t i;

	for (i = 0; i < sizeof(management) / sizeof(management[0]); i++)
		if (!strcmp(management[i], action))
			return true;
	return false;
}

/** access_of() - the access that @call needs, to every resource ("*") of the caller's account */
struct access access_of(const struct call *call)
{
	return (struct access){
		.principal = call->caller,
		.action = call->operation,
		.account = call->account,
		.resource = "*",
		.source = call->source,
		.transport = call->transport,
	};
}

/**
 * authorize() - decide
 * @f: AccessDeniedException
 *
 * A principal may use and manage the keys of its own account, but may only use the AWS managed
 * ones.
 *
 * Return: 0 when the action is allowed, or -1.
 */
int authorize(const struct access *access, struct fault *f)
{
	bool aws_managed = access->key && access->key->aws_managed;
	char caller[160];

	if (access->principal && !strcmp(access->principal->account, access->account) &&
	    !(aws_managed && is_management(access->action)))
		return 0;
	if (access->principal)
		principal_arn(access->principal, caller, sizeof(caller));
	return fault_set(f, "AccessDeniedException",
			 "User: %s is not authorized to perform: kms:%s on resource: %s because no resource-based policy allows the kms:%s action",
			 access->principal ? caller : "anonymous", access->action, access->resource,
			 access->action);
}
