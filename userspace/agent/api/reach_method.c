// SPDX-License-Identifier: MIT
/*
 * A cluster's own profile and endpoint, as a client gives them. Root alone may: a server that a client
 * chose could answer the renewals of a key that the KMS has refused.
 *
 * Must never let an address with a password reach the audit trail.
 */
#include "agent/api/reach_method.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/kms/reach.h"

static int check_length(json_object *params, const char *parameter, size_t size, struct fault *f)
{
	const char *value = json_get_string(params, parameter);

	if (!value || strlen(value) < size)
		return 0;
	return fault_set(f, "InvalidParameterValue", "The parameter %s has more than %zu bytes.",
			 parameter, size - 1);
}

static int check(struct varlink_call *call, json_object *params, const struct agent *agent,
		 const struct reach *before, struct fault *f)
{
	struct reach reach = *before;
	struct fault wrong = { 0 };

	if (varlink_call_uid(call) != 0)
		return fault_set(f, "AccessDenied",
				 "The user with the id %u is not authorized to set the profile or the endpoint of a cluster. This needs root.",
				 varlink_call_uid(call));
	if (check_length(params, METHOD_PROFILE, sizeof(reach.profile), f) ||
	    check_length(params, METHOD_ENDPOINT, sizeof(reach.endpoint), f))
		return -1;
	reach_take(params, &reach);
	if (reach_check(&agent->config, &reach, &wrong) == 0)
		return 0;
	return fault_set(f, "InvalidParameterValue", "%s", wrong.message);
}

/**
 * reach_check_call() - may a client set this profile and this endpoint?
 * @params: an address that may have user information is replaced after a refusal
 * @before: of the cluster, for the parameter that is not given
 * @f: AccessDenied or InvalidParameterValue
 *
 * Return: 0, also when none of them is given, or -1.
 */
int reach_check_call(struct varlink_call *call, json_object *params, const struct agent *agent,
		     const struct reach *before, struct fault *f)
{
	const char *endpoint = json_get_string(params, METHOD_ENDPOINT);

	if (!endpoint && !json_has(params, METHOD_PROFILE))
		return 0;
	if (check(call, params, agent, before, f) == 0)
		return 0;
	if (endpoint && strchr(endpoint, '@'))
		json_add_string(params, METHOD_ENDPOINT, "HIDDEN");
	return -1;
}

/** reach_take() - change @reach by the parameters that are given; "" goes back to the configuration */
void reach_take(json_object *params, struct reach *reach)
{
	const char *profile = json_get_string(params, METHOD_PROFILE);
	const char *endpoint = json_get_string(params, METHOD_ENDPOINT);

	if (profile)
		snprintf(reach->profile, sizeof(reach->profile), "%s", profile);
	if (endpoint)
		snprintf(reach->endpoint, sizeof(reach->endpoint), "%s", endpoint);
}
