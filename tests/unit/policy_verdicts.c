// SPDX-License-Identifier: MIT
/*
 * The verdicts of the evaluator, for the comparison with the model: tests/host/kms_policy_model.py.
 *
 * A line of the input is {"policy": TEXT, "requests": [REQUEST, ...]}, and the line of the output has one
 * letter for each request: a(llow), o (allow to the account as a whole), d(eny) or n(one). Or it is
 * {"decision": {"key": TEXT, "user": [TEXT, ...]}, "requests": [REQUEST, ...]}, and the letters are
 * a(llowed), k (denied by the key), u (denied by the user) or g (by a grant at most). A policy that
 * cannot be read gives its fault.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_lines.h"

#include "kms/policy/decision.h"
#include "lib/base/json.h"

#define FACTS_MAX 64

static enum verdict ask(const struct policy *policy, struct json_object *o)
{
	struct policy_fact facts[FACTS_MAX];
	struct json_object *list = json_get_array(o, "facts");
	struct policy_request request = {
		.action = json_get_string(o, "action"),
		.resource = json_get_string(o, "resource"),
		.principal = json_get_string(o, "principal"),
		.role = json_get_string(o, "role"),
		.account = json_get_string(o, "account"),
		.facts = facts,
		.fact_count = json_object_array_length(list),
	};

	if (request.fact_count > FACTS_MAX)
		exit(1);
	for (size_t i = 0; i < request.fact_count; i++) {
		struct json_object *pair = json_object_array_get_idx(list, i);

		facts[i].name = json_object_get_string(json_object_array_get_idx(pair, 0));
		facts[i].value = json_object_get_string(json_object_array_get_idx(pair, 1));
	}
	return policy_evaluate(policy, &request);
}

/* Return: NULL after the fault was printed */
static struct policy *parse(const char *text, enum policy_kind kind)
{
	struct policy *policy;
	struct fault f;

	if (!policy_parse(text, kind, &policy, &f))
		return policy;
	printf("%s: %s\n", f.code, f.message);
	return NULL;
}

static void answer_policy(const char *text, struct json_object *requests)
{
	_cleanup_policy_ struct policy *policy = parse(text, POLICY_OF_KEY);

	if (!policy)
		return;
	for (size_t i = 0; i < json_object_array_length(requests); i++)
		putchar("noad"[ask(policy, json_object_array_get_idx(requests, i))]);
	putchar('\n');
}

/* As user_policy_ask() of a user without other rights. */
static int ask_user(struct json_object *texts, struct json_object *request, enum verdict *verdict)
{
	*verdict = VERDICT_NONE;
	for (size_t i = 0; i < json_object_array_length(texts); i++) {
		_cleanup_policy_ struct policy *policy =
			parse(json_object_get_string(json_object_array_get_idx(texts, i)),
			      POLICY_OF_USER);
		enum verdict one;

		if (!policy)
			return -1;
		one = ask(policy, request);
		if (one > *verdict)
			*verdict = one;
	}
	return 0;
}

static void answer_decision(struct json_object *subject, struct json_object *requests)
{
	_cleanup_policy_ struct policy *policy = parse(json_get_string(subject, "key"),
						       POLICY_OF_KEY);

	if (!policy)
		return;
	for (size_t i = 0; i < json_object_array_length(requests); i++) {
		struct json_object *request = json_object_array_get_idx(requests, i);
		const char *account = json_get_string(request, "account");
		enum verdict user;

		if (ask_user(json_get_array(subject, "user"), request, &user))
			return;
		putchar("kuag"[decide(ask(policy, request), user,
				      strstr(json_get_string(request, "resource"), account) !=
					      NULL)]);
	}
	putchar('\n');
}

static void answer(struct json_object *line)
{
	struct json_object *requests = json_get_array(line, "requests");

	if (json_has(line, "policy"))
		answer_policy(json_get_string(line, "policy"), requests);
	else
		answer_decision(json_get_object(line, "decision"), requests);
}

int main(void)
{
	return json_lines(answer);
}
