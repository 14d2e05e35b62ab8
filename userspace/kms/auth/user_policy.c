// SPDX-License-Identifier: MIT
/* See user_policy.h. */
#include "kms/auth/user_policy.h"

#include <string.h>

#include "kms/auth/question.h"
#include "kms/users/user.h"
#include "lib/base/json.h"

static int unreadable(const struct user *user, struct fault *f)
{
	return fault_set(f, "KMSInternalException",
			 "A policy of user %s cannot be read. Put it again, or restore the key store.",
			 user->name);
}

static int ask_one(const struct user *user, const char *text, const struct question *question,
		   enum verdict *verdict, struct fault *f)
{
	_cleanup_policy_ struct policy *policy = NULL;

	if (policy_parse(text, POLICY_OF_USER, &policy, f))
		return strcmp(f->code, "KMSInternalException") ? unreadable(user, f) : -1;
	*verdict = policy_evaluate(policy, &question->request);
	return 0;
}

static int ask_all(const struct access *access, enum verdict *verdict, struct fault *f)
{
	_cleanup_question_ struct question question = { 0 };

	if (question_fill(&question, access))
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	json_object_object_foreach(access->user->policies, name, text) {
		enum verdict one;

		(void)name;
		if (ask_one(access->user, json_object_get_string(text), &question, &one, f))
			return -1;
		if (one > *verdict)
			*verdict = one;
	}
	/* The end of a grant must not fail because of the names that the grant has. */
	if (question_is_ambiguous(&question) && strcmp(access->action, "RetireGrant"))
		*verdict = VERDICT_DENY;
	return 0;
}

/**
 * user_policy_ask() - what the policies of @access's principal say
 * @access: with a principal
 * @verdict: VERDICT_NONE, VERDICT_ALLOW or VERDICT_DENY
 * @f: KMSInternalException
 *
 * Policies deny a context with two names that differ in case alone, but for RetireGrant.
 *
 * Return: 0 or -1.
 */
int user_policy_ask(const struct access *access, enum verdict *verdict, struct fault *f)
{
	*verdict = access->principal->limited ? VERDICT_NONE : VERDICT_ALLOW;
	if (!access->user || json_object_object_length(access->user->policies) == 0)
		return 0;
	return ask_all(access, verdict, f);
}
