// SPDX-License-Identifier: MIT
/*
 * Evaluating a policy.
 *
 * Must never let an allow win over a deny.
 */

#include "kms/policy/evaluate.h"

#include "kms/policy/condition.h"
#include "kms/policy/pattern.h"
#include "kms/policy/principal.h"

static bool one_matches(const struct texts *patterns, const char *text,
			bool (*matches)(const char *pattern, const char *text))
{
	for (size_t i = 0; i < patterns->count; i++)
		if (matches(patterns->list[i], text))
			return true;
	return false;
}

static bool is_about(const struct statement *statement, const struct policy_request *request)
{
	return one_matches(&statement->actions, request->action, pattern_action) !=
		       statement->not_action &&
	       one_matches(&statement->resources, request->resource, pattern_resource) !=
		       statement->not_resource &&
	       conditions_hold(statement, request);
}

/** policy_evaluate() - what @policy says about @request */
enum verdict policy_evaluate(const struct policy *policy, const struct policy_request *request)
{
	enum verdict verdict = VERDICT_NONE;

	for (size_t i = 0; i < policy->count; i++) {
		const struct statement *statement = &policy->statements[i];
		enum named named = principal_named(statement, request);

		if (named == NAMED_NOT || !is_about(statement, request))
			continue;
		if (statement->denies)
			return VERDICT_DENY;
		if (named == NAMED_DIRECTLY)
			verdict = VERDICT_ALLOW;
		else if (verdict == VERDICT_NONE)
			verdict = VERDICT_ACCOUNT;
	}
	return verdict;
}
