// SPDX-License-Identifier: MIT
/* See key_policy.h. */
#include "kms/auth/key_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/auth/question.h"
#include "kms/auth/user_policy.h"
#include "kms/keys/context.h"
#include "kms/policy/pattern.h"

_Static_assert(CONTEXT_MAX <= PATTERN_TEXT_MAX, "a pattern sees each value of a context whole");

static const char customer_policy[] =
	"{\n"
	"  \"Version\" : \"2012-10-17\",\n"
	"  \"Id\" : \"key-default-1\",\n"
	"  \"Statement\" : [ {\n"
	"    \"Sid\" : \"Enable IAM User Permissions\",\n"
	"    \"Effect\" : \"Allow\",\n"
	"    \"Principal\" : { \"AWS\" : \"arn:aws:iam::%s:root\" },\n"
	"    \"Action\" : \"kms:*\",\n"
	"    \"Resource\" : \"*\"\n"
	"  } ]\n"
	"}";

#define USES \
	"[ \"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", \"kms:GenerateDataKey*\", \"kms:Describe*\", \"kms:Get*\", \"kms:List*\" ]"

/* In AWS the service uses these keys for the account. Here the agent does. */
static const char managed_policy[] =
	"{\n"
	"  \"Version\" : \"2012-10-17\",\n"
	"  \"Id\" : \"auto-default-1\",\n"
	"  \"Statement\" : [ {\n"
	"    \"Sid\" : \"Allow the account to use the key\",\n"
	"    \"Effect\" : \"Allow\",\n"
	"    \"Principal\" : { \"AWS\" : \"arn:aws:iam::%s:root\" },\n"
	"    \"Action\" : " USES ",\n"
	"    \"Resource\" : \"*\"\n"
	"  }, {\n"
	"    \"Sid\" : \"Allow the agent to use the key\",\n"
	"    \"Effect\" : \"Allow\",\n"
	"    \"Principal\" : { \"AWS\" : \"arn:aws:iam::%s:user/enveloped\" },\n"
	"    \"Action\" : " USES ",\n"
	"    \"Resource\" : \"*\"\n"
	"  } ]\n"
	"}";

/** key_policy_text() - the document; Return: malloc'd, or NULL when memory is short */
char *key_policy_text(const struct cmk *key)
{
	char *text = NULL;

	if (key->policy)
		return strdup(key->policy);
	if ((key->aws_managed ? asprintf(&text, managed_policy, key->account, key->account)
			      : asprintf(&text, customer_policy, key->account)) < 0)
		return NULL;
	return text;
}

static int unreadable(const struct access *access, struct fault *f)
{
	return fault_set(f, "KMSInternalException",
			 "The policy of key %s cannot be read. Put it again, or restore the key store.",
			 access->key->key_id);
}

/* The end of a grant must not fail because of the names that the grant has. */
static bool denies_ambiguity(const struct access *access)
{
	return access->key->policy && strcmp(access->action, "RetireGrant");
}

/* As key_policy_ask(), with the fault of the document. */
static int evaluate(const struct access *access, enum verdict *verdict, struct fault *f)
{
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_question_ struct question question = { 0 };
	char *text = key_policy_text(access->key);
	int r = text ? policy_parse(text, POLICY_OF_KEY, &policy, f) : -1;

	free(text);
	if (!text || (!r && question_fill(&question, access)))
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	if (r)
		return -1;
	*verdict = denies_ambiguity(access) && question_is_ambiguous(&question)
			   ? VERDICT_DENY
			   : policy_evaluate(policy, &question.request);
	return 0;
}

/**
 * key_policy_ask() - what the policy of @access's key says
 * @access: with a principal and a key
 * @f: KMSInternalException
 *
 * Each stored policy denies a context with two names that differ in case alone, but for RetireGrant.
 *
 * Return: 0 or -1.
 */
int key_policy_ask(const struct access *access, enum verdict *verdict, struct fault *f)
{
	if (!evaluate(access, verdict, f))
		return 0;
	return strcmp(f->code, "KMSInternalException") ? unreadable(access, f) : -1;
}

/**
 * key_policy_check() - may the policy of @access's key be kept?
 * @access: of the caller, to the key with its new policy
 * @bypass: the caller may lock itself out
 * @f: MalformedPolicyDocumentException, LimitExceededException
 *
 * Return: 0 or -1.
 */
int key_policy_check(const struct access *access, bool bypass, struct fault *f)
{
	struct access later = *access;
	enum verdict verdict;

	later.action = "PutKeyPolicy";
	later.context = NULL;
	later.grant = NULL;
	later.rotation_days = 0;
	if (evaluate(&later, &verdict, f))
		return -1;
	if (verdict == VERDICT_ALLOW || bypass)
		return 0;
	if (verdict == VERDICT_ACCOUNT) {
		if (user_policy_ask(&later, &verdict, f))
			return -1;
		if (verdict == VERDICT_ALLOW)
			return 0;
	}
	return fault_set(f, "MalformedPolicyDocumentException",
			 "The new key policy will not allow you to update the key policy in the future.");
}
