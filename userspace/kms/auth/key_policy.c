// SPDX-License-Identifier: MIT
/*
 * Asking the policy of a key.
 *
 * Must never leave out a fact that a condition may ask for.
 */

#include "kms/auth/key_policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kms/keys/context.h"
#include "kms/policy/condition.h"
#include "kms/policy/pattern.h"
#include "lib/base/format_time.h"

/* Facts beside those of the encryption context. */
#define FACTS_OF_A_CALL	  6
#define FACTS_OF_A_GRANT  4 /* beside its operations */
#define FACTS_OF_ROTATION 1

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

static const char managed_policy[] =
	"{\n"
	"  \"Version\" : \"2012-10-17\",\n"
	"  \"Id\" : \"auto-default-1\",\n"
	"  \"Statement\" : [ {\n"
	"    \"Sid\" : \"Allow the account to use the key\",\n"
	"    \"Effect\" : \"Allow\",\n"
	"    \"Principal\" : { \"AWS\" : \"arn:aws:iam::%s:root\" },\n"
	"    \"Action\" : [ \"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", \"kms:GenerateDataKey*\", \"kms:Describe*\", \"kms:Get*\", \"kms:List*\" ],\n"
	"    \"Resource\" : \"*\"\n"
	"  } ]\n"
	"}";

/** key_policy_text() - the document; Return: malloc'd, or NULL when memory is short */
char *key_policy_text(const struct cmk *key)
{
	char *text = NULL;

	if (key->policy)
		return strdup(key->policy);
	if ((key->aws_managed ? asprintf(&text, managed_policy, key->account)
			      : asprintf(&text, customer_policy, key->account)) < 0)
		return NULL;
	return text;
}

/* What policy_evaluate() reads, and what owns it. */
struct question {
	struct policy_request request;
	struct policy_fact *facts;	/* malloc'd */
	size_t context_end;		/* behind the facts of the context */
	struct json_object *operations; /* of the grant that the call would make; a reference */
	char *names; /* malloc'd: names of facts of the context, one after the other */
	char action[80], principal[160], arn[ARN_MAX], time[32], epoch[24], days[24];
};

static void question_free(struct question *question)
{
	free(question->facts);
	free(question->names);
	json_object_put(question->operations);
}

static void add(struct question *question, const char *name, const char *value)
{
	question->facts[question->request.fact_count++] = (struct policy_fact){ name, value };
}

/* The size of all names of the context with the prefix of a condition key. */
static size_t size_of_names(struct json_object *context)
{
	size_t size = 1;

	if (context) {
		json_object_object_foreach(context, name, value) {
			(void)value;
			size += strlen(CONTEXT_KEY) + strlen(name) + 1;
		}
	}
	return size;
}

static void add_context(struct question *question, struct json_object *context)
{
	char *at = question->names;

	json_object_object_foreach(context, name, value) {
		size_t size = (size_t)sprintf(at, CONTEXT_KEY "%s", name) + 1;

		add(question, at, json_object_get_string(value));
		add(question, "kms:EncryptionContextKeys", name);
		at += size;
	}
}

static void add_call(struct question *question, const struct access *access)
{
	format_time(access->now, question->time);
	snprintf(question->epoch, sizeof(question->epoch), "%" PRId64, access->now);
	add(question, "aws:CurrentTime", question->time);
	add(question, "aws:EpochTime", question->epoch);
	add(question, "aws:PrincipalAccount", access->principal->account);
	add(question, "aws:PrincipalArn", question->principal);
	add(question, "aws:SourceIp", access->source);
	add(question, "kms:CallerAccount", access->principal->account);
}

/* Only an AWS service makes a grant for a resource of its own, and no caller of this KMS is one. */
static void add_grant(struct question *question, const struct access *access)
{
	const struct grant *grant = access->grant;

	if (!strcmp(access->action, "CreateGrant") || !strcmp(access->action, "ListGrants") ||
	    !strcmp(access->action, "RevokeGrant"))
		add(question, "kms:GrantIsForAWSResource", "false");
	if (!grant || strcmp(access->action, "CreateGrant"))
		return;
	add(question, "kms:GranteePrincipal", grant->grantee);
	if (grant->retiring[0])
		add(question, "kms:RetiringPrincipal", grant->retiring);
	if (grant->constraint != CONSTRAINT_NONE)
		add(question, "kms:GrantConstraintType", grant_constraint_name(grant->constraint));
	for (size_t i = 0; i < json_object_array_length(question->operations); i++)
		add(question, "kms:GrantOperations",
		    json_object_get_string(json_object_array_get_idx(question->operations, i)));
}

static void add_rotation(struct question *question, const struct access *access)
{
	if (!access->rotation_days)
		return;
	snprintf(question->days, sizeof(question->days), "%" PRId64, access->rotation_days);
	add(question, "kms:RotationPeriodInDays", question->days);
}

static int fill(struct question *question, const struct access *access)
{
	struct policy_request *request = &question->request;
	size_t pairs = access->context ? (size_t)json_object_object_length(access->context) : 0;
	size_t facts = FACTS_OF_A_CALL + 2 * pairs + FACTS_OF_A_GRANT + FACTS_OF_ROTATION;

	question->operations = access->grant ? grant_operations(access->grant) : NULL;
	if (question->operations)
		facts += json_object_array_length(question->operations);
	question->facts = calloc(facts, sizeof(*question->facts));
	question->names = malloc(size_of_names(access->context));
	if (!question->facts || !question->names)
		return -1;
	snprintf(question->action, sizeof(question->action), "kms:%s", access->action);
	principal_arn(access->principal, question->principal, sizeof(question->principal));
	cmk_arn(access->key, question->arn);
	request->action = question->action;
	request->resource = question->arn;
	request->principal = question->principal;
	request->account = access->principal->account;
	request->facts = question->facts;
	add_call(question, access);
	if (access->context)
		add_context(question, access->context);
	question->context_end = request->fact_count;
	add_grant(question, access);
	add_rotation(question, access);
	return 0;
}

/*
 * Names of condition keys have no case, those of a context have. If two names of a context were one
 * condition key, a value that the policy refuses could hide behind one that it asks for.
 */
static bool is_ambiguous(const struct question *question)
{
	const struct policy_fact *facts = question->facts;

	for (size_t i = FACTS_OF_A_CALL; i < question->context_end; i += 2)
		for (size_t j = i + 2; j < question->context_end; j += 2)
			if (!strcasecmp(facts[i].name, facts[j].name))
				return true;
	return false;
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
	struct question question = { 0 };
	char *text = key_policy_text(access->key);
	int r = text ? policy_parse(text, &policy, f) : -1;

	free(text);
	if (!text || (!r && fill(&question, access)))
		r = fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	if (!r)
		*verdict = denies_ambiguity(access) && is_ambiguous(&question)
				   ? VERDICT_DENY
				   : policy_evaluate(policy, &question.request);
	question_free(&question);
	return r;
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
	return fault_set(f, "MalformedPolicyDocumentException",
			 "The new key policy will not allow you to update the key policy in the future.");
}
