// SPDX-License-Identifier: MIT
/*
 * The verdicts of the evaluator, for the comparison with the model: tests/host/kms_policy_model.py.
 *
 * Each line of the input is {"policy": TEXT, "requests": [REQUEST, ...]}. Each line of the output has
 * one letter for each request, a(llow), d(eny) or n(one), or the fault of the policy.
 */
#include <stdio.h>
#include <stdlib.h>

#include "json_lines.h"

#include "kms/policy/evaluate.h"
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

static void answer(struct json_object *line)
{
	struct json_object *requests = json_get_array(line, "requests");
	_cleanup_policy_ struct policy *policy = NULL;
	struct fault f;

	if (policy_parse(json_get_string(line, "policy"), &policy, &f)) {
		printf("%s: %s\n", f.code, f.message);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(requests); i++)
		putchar("nad"[ask(policy, json_object_array_get_idx(requests, i))]);
	putchar('\n');
}

int main(void)
{
	return json_lines(answer);
}
