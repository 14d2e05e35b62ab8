// SPDX-License-Identifier: MIT
/*
 * Authorization.
 *
 * Must never say yes by default.
 */

#include "kms/auth/authorize.h"

#include <string.h>

/* Operations that would manage a key; AWS managed keys allow them to nobody. */
static const char *const management[] = {
	"CancelKeyDeletion", "CreateAlias",	    "DeleteAlias", "DisableKey",
	"EnableKey",	     "ScheduleKeyDeletion", "UpdateAlias",
};

static bool is_management(const char *operation)
{
	size_t i;

	for (i = 0; i < sizeof(management) / sizeof(management[0]); i++)
		if (strcmp(management[i], operation) == 0)
			return true;
	return false;
}

int authorize(const struct call *call, const char *account, const char *resource, bool aws_managed,
	      struct fault *f)
{
	char caller[160];

	if (call->caller && strcmp(call->caller->account, account) == 0 &&
	    !(aws_managed && is_management(call->operation)))
		return 0;
	if (call->caller)
		principal_arn(call->caller, caller, sizeof(caller));
	return fault_set(f, "AccessDeniedException",
			 "User: %s is not authorized to perform: kms:%s on resource: %s because no resource-based policy allows the kms:%s action",
			 call->caller ? caller : "anonymous", call->operation, resource,
			 call->operation);
}
