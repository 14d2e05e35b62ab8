// SPDX-License-Identifier: MIT
/*
 * Policy and BypassPolicyLockoutSafetyCheck.
 *
 * Must never read the document: policy/document.c does.
 */

#include "kms/ops/policy_param.h"

#include <string.h>

#include "kms/ops/params.h"

#define POLICY_TEXT_MAX 131072 /* of the API. The quota of a key's policy is smaller. */

/* AWS's [\u0009\u000A\u000D\u0020-\u00FF]+, in UTF-8 */
static bool has_only_latin(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; *at; at++)
		if ((*at < 0x20 && !strchr("\t\n\r", *at)) || *at > 0xc3)
			return false;
	return true;
}

/**
 * policy_param() - read both parameters
 * @needed: the request must have a policy
 * @policy: set to the text (borrowed), or NULL when absent
 * @f: SerializationException, ValidationException
 *
 * Return: 0 or -1.
 */
int policy_param(struct json_object *params, bool needed, const char **policy, bool *bypass,
		 struct fault *f)
{
	if (param_flag(params, "BypassPolicyLockoutSafetyCheck", bypass, f) ||
	    (needed ? param_need_text : param_text)(params, "Policy", POLICY_TEXT_MAX, policy, f))
		return -1;
	if (!*policy || has_only_latin(*policy))
		return 0;
	return fault_set(f, "ValidationException",
			 "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
}
