// SPDX-License-Identifier: MIT
/*
 * A call.
 */

#include "kms/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/users/user.h"

/** call_touch() - note a key for the audit record, each key once */
void call_touch(struct call *call, const char *arn)
{
	size_t i;

	for (i = 0; i < call->resource_count; i++)
		if (!strcmp(call->resources[i], arn))
			return;
	if (call->resource_count < CALL_RESOURCES_MAX)
		snprintf(call->resources[call->resource_count++], ARN_MAX, "%s", arn);
}

/** call_free() - release @call and what it owns */
void call_free(struct call *call)
{
	json_object_put(call->params);
	json_object_put(call->reply);
	if (call->user)
		user_free(call->user);
	free(call->user);
	secret_free(call->own.secret_key);
	free(call);
}
