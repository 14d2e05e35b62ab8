// SPDX-License-Identifier: MIT
/*
 * The verdicts of the rules of grants, for the comparison with the model: tests/host/kms_grant_model.py.
 *
 * Each line of the input is {"grants": [GRANT, ...], "requests": [REQUEST, ...]}. Each line of the output
 * has one letter for each request: a(llowed), n(one), or g when the groups find another answer
 * than all grants give. RetireGrant is about the first grant.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_lines.h"

#include "kms/grants/grant.h"
#include "kms/grants/grant_groups.h"
#include "kms/grants/grant_rules.h"
#include "lib/base/json.h"

#define GRANTS_MAX 16

struct question {
	const struct grant *grants;
	size_t count;
	const struct grant_request *request;
};

static void fill(struct json_object *o, struct json_object *added, const char *name)
{
	if (json_has(o, name))
		json_add_object(added, name, json_object_get(json_get(o, name)));
}

/* Makes @grant of the members that the model has, by way of the stored form. */
static void read_grant(struct json_object *o, struct grant *grant)
{
	static const char *const members[] = { "GranteePrincipal", "RetiringPrincipal",
					       "Operations", "Constraints" };
	_cleanup_json_ struct json_object *record = json_object_new_object();
	const char *key_id = json_get_string(o, "KeyId");

	json_add_string(record, "Record", "grant");
	json_add_string(record, "GrantId", "0");
	json_add_string(record, "KeyId", key_id ? key_id : "");
	json_add_string(record, "Account", "123456789012");
	json_add_string(record, "Region", "us-east-1");
	json_add_string(record, "Issuer", "123456789012");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		fill(o, record, members[i]);
	if (grant_from_record(record, grant))
		exit(1);
}

static bool is_in(const struct grant *grant, const char *group)
{
	struct grant_groups groups;

	if (grant_groups(grant, &groups))
		exit(1);
	for (size_t i = 0; i < groups.count; i++)
		if (!strcmp(groups.list[i], group))
			return true;
	return false;
}

/* Does a grant of @group allow the request? */
static int ask_group(const char *group, void *userdata)
{
	const struct question *question = userdata;

	for (size_t i = 0; i < question->count; i++)
		if (is_in(&question->grants[i], group) &&
		    grant_allows(&question->grants[i], question->request))
			return 1;
	return 0;
}

static bool has_fewer(const char *group, size_t most, void *userdata)
{
	const struct question *question = userdata;
	size_t count = 0;

	/* Half of the requests with very many pairs ask pair by pair. */
	for (size_t i = 0; i < question->count; i++)
		count += is_in(&question->grants[i], group) ? most / 2 : 0;
	return count < most;
}

static char ask(const struct grant *grants, size_t count, const struct grant_request *request)
{
	struct question question = { grants, count, request };
	struct grant_asker asker = { ask_group, has_fewer, &question };
	bool allowed = false;

	if (request->operation == GRANT_RETIRE_GRANT)
		return grant_may_retire(&grants[0], request) ? 'a' : 'n';
	for (size_t i = 0; i < count; i++)
		allowed = allowed || grant_allows(&grants[i], request);
	if (grant_groups_asked(request, &asker) != (allowed ? 1 : 0))
		return 'g';
	return allowed ? 'a' : 'n';
}

static char answer_one(const struct grant *grants, size_t count, struct json_object *o)
{
	_cleanup_grant_ struct grant made = { 0 };
	struct grant_request request = {
		.operation = grant_operation(json_get_string(o, "operation")),
		.key_id = json_get_string(o, "key"),
		.principal = json_get_string(o, "principal"),
		.context = json_get_object(o, "context"),
	};
	char root[64];

	snprintf(root, sizeof(root), "arn:aws:iam::%.12s:root", request.principal + 13);
	request.root = root;
	if (json_has(o, "made")) {
		read_grant(json_get_object(o, "made"), &made);
		request.made = &made;
	}
	return ask(grants, count, &request);
}

static void answer(struct json_object *line)
{
	struct json_object *list = json_get_array(line, "grants");
	struct json_object *requests = json_get_array(line, "requests");
	size_t count = json_object_array_length(list);
	struct grant grants[GRANTS_MAX];

	if (count > GRANTS_MAX)
		exit(1);
	for (size_t i = 0; i < count; i++)
		read_grant(json_object_array_get_idx(list, i), &grants[i]);
	for (size_t i = 0; i < json_object_array_length(requests); i++)
		putchar(answer_one(grants, count, json_object_array_get_idx(requests, i)));
	putchar('\n');
	for (size_t i = 0; i < count; i++)
		grant_free(&grants[i]);
}

int main(void)
{
	return json_lines(answer);
}
