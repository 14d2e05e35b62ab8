// SPDX-License-Identifier: MIT
/* See question.h. */
#include "kms/auth/question.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kms/policy/condition.h"
#include "kms/users/user.h"
#include "lib/base/format_time.h"

/* Facts beside those of the encryption context. */
#define FACTS_OF_A_CALL	  6
#define FACTS_OF_A_GRANT  4 /* beside its operations */
#define FACTS_OF_ROTATION 1

/** question_free() - of a question that question_fill() filled, or that is zero */
void question_free(struct question *question)
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

/**
 * question_fill() - ask what @access wants
 * @question: zero before; question_free(), also on failure
 * @access: with a principal
 *
 * Return: 0, or -1 when memory is short.
 */
int question_fill(struct question *question, const struct access *access)
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
	snprintf(question->action, sizeof(question->action), "%s:%s", access->service,
		 access->action);
	principal_arn(access->principal, question->principal);
	snprintf(question->arn, sizeof(question->arn), "%s", access->resource);
	if (access->key)
		cmk_arn(access->key, question->arn);
	request->action = question->action;
	request->resource = question->arn;
	request->principal = question->principal;
	request->account = access->principal->account;
	/* The default policies name the agent, and nobody has put them. */
	if (access->key && access->key->policy) {
		request->user_id = access->user ? access->user->id : NULL;
		request->users = access->key->policy_users;
	}
	request->facts = question->facts;
	add_call(question, access);
	if (access->context)
		add_context(question, access->context);
	question->context_end = request->fact_count;
	add_grant(question, access);
	add_rotation(question, access);
	return 0;
}

/**
 * question_is_ambiguous() - do two names of the encryption context differ in case alone?
 *
 * Names of condition keys have no case, those of a context have. If two names of a context were one
 * condition key, a value that the policy refuses could hide behind one that it asks for.
 */
bool question_is_ambiguous(const struct question *question)
{
	const struct policy_fact *facts = question->facts;

	for (size_t i = FACTS_OF_A_CALL; i < question->context_end; i += 2)
		for (size_t j = i + 2; j < question->context_end; j += 2)
			if (!strcasecmp(facts[i].name, facts[j].name))
				return true;
	return false;
}
