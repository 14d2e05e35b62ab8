// SPDX-License-Identifier: MIT
/*
 * Reading a policy document.
 *
 * Must never skip an element. Must never quote the document in a fault, except names of elements.
 */

#include "kms/policy/document.h"

#include <stdlib.h>
#include <string.h>

#include "kms/policy/condition.h"
#include "kms/policy/principal.h"
#include "lib/base/json.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
}

/* Reads the one of the elements @name and Not@name that is there. */
static int read_pair(struct json_object *o, size_t number, const char *name, const char *not_name,
		     bool *negated, struct texts *texts, struct fault *f)
{
	struct place place = { number, name };
	struct json_object *value;

	*negated = json_find(o, not_name, &value);
	if (*negated == json_find(o, name, &value))
		return policy_malformed(&place, f,
					"A statement has this element or its Not form, and one of them.");
	if (*negated) {
		json_find(o, not_name, &value);
		place.element = not_name;
	}
	return policy_texts(value, &place, texts, f);
}

/* An action is "*" or has the name of a service in front. */
static int check_actions(const struct statement *statement, size_t number, struct fault *f)
{
	struct place place = { number, statement->not_action ? "NotAction" : "Action" };

	for (size_t i = 0; i < statement->actions.count; i++) {
		const char *action = statement->actions.list[i];
		const char *colon = strchr(action, ':');

		if (strcmp(action, "*") && (!colon || colon == action || colon[1] == '\0'))
			return policy_malformed(&place, f,
						"An action is '*' or a name such as 'kms:Decrypt'.");
	}
	return 0;
}

static int check_resources(const struct statement *statement, size_t number, struct fault *f)
{
	struct place place = { number, statement->not_resource ? "NotResource" : "Resource" };

	for (size_t i = 0; i < statement->resources.count; i++) {
		const char *resource = statement->resources.list[i];

		if (strcmp(resource, "*") && strncmp(resource, "arn:", 4))
			return policy_malformed(&place, f, "A resource is '*' or an ARN.");
	}
	return 0;
}

static int check_names(struct json_object *o, size_t number, const char *const *names,
		       struct fault *f)
{
	json_object_object_foreach(o, name, value) {
		struct place place = { number, name };
		size_t i;

		for (i = 0; names[i] && strcmp(names[i], name); i++)
			;
		(void)value;
		if (!names[i])
			return policy_malformed(&place, f, "A policy has no such element.");
	}
	return 0;
}

static int check_string(struct json_object *o, size_t number, const char *name, struct fault *f)
{
	struct place place = { number, name };
	struct json_object *value;

	if (!json_find(o, name, &value) || json_object_is_type(value, json_type_string))
		return 0;
	return policy_malformed(&place, f, "The value must be a string.");
}

static int read_effect(struct json_object *o, size_t number, bool *denies, struct fault *f)
{
	struct place place = { number, "Effect" };
	const char *effect = json_get_string(o, "Effect");

	if (!effect || (strcmp(effect, "Allow") && strcmp(effect, "Deny")))
		return policy_malformed(&place, f, "The effect is 'Allow' or 'Deny'.");
	*denies = !strcmp(effect, "Deny");
	return 0;
}

/* A policy of a user is about that user alone. */
static int read_principal(struct json_object *o, size_t number, struct statement *statement,
			  struct fault *f)
{
	struct place place = { number, "Principal" };

	if (!statement->of_user)
		return principal_read(o, number, statement, f);
	if (json_has(o, "NotPrincipal"))
		place.element = "NotPrincipal";
	else if (!json_has(o, "Principal"))
		return 0;
	return policy_malformed(&place, f, "A policy of a user names no principal. Leave it out.");
}

static int read_statement(struct json_object *o, size_t number, struct statement *statement,
			  struct fault *f)
{
	static const char *const names[] = { "Sid",	  "Effect",    "Principal", "NotPrincipal",
					     "Action",	  "NotAction", "Resource",  "NotResource",
					     "Condition", NULL };
	struct place place = { number, "Statement" };

	if (!json_object_is_type(o, json_type_object))
		return policy_malformed(&place, f, "A statement is an object.");
	if (check_names(o, number, names, f) || check_string(o, number, "Sid", f) ||
	    read_effect(o, number, &statement->denies, f) ||
	    read_principal(o, number, statement, f) ||
	    read_pair(o, number, "Action", "NotAction", &statement->not_action, &statement->actions,
		      f) ||
	    read_pair(o, number, "Resource", "NotResource", &statement->not_resource,
		      &statement->resources, f))
		return -1;
	if (check_actions(statement, number, f) || check_resources(statement, number, f))
		return -1;
	return conditions_read(o, number, statement, f);
}

static int read_statements(struct policy *policy, enum policy_kind kind, struct fault *f)
{
	static const char *const names[] = { "Version", "Id", "Statement", NULL };
	struct json_object *list = json_get(policy->json, "Statement");
	const char *version = json_get_string(policy->json, "Version");
	bool is_list = json_object_is_type(list, json_type_array);
	struct place place = { 0, "Version" };

	if (check_names(policy->json, 0, names, f) || check_string(policy->json, 0, "Id", f) ||
	    check_string(policy->json, 0, "Version", f))
		return -1;
	if (version && strcmp(version, "2012-10-17") && strcmp(version, "2008-10-17"))
		return policy_malformed(&place, f, "The version is 2012-10-17 or 2008-10-17.");
	place.element = "Statement";
	policy->count = is_list ? json_object_array_length(list) : 1;
	if (!list || policy->count == 0)
		return policy_malformed(&place, f, "A policy has at least one statement.");
	policy->statements = calloc(policy->count, sizeof(*policy->statements));
	if (!policy->statements)
		return no_memory(f);
	for (size_t i = 0; i < policy->count; i++) {
		struct json_object *o = is_list ? json_object_array_get_idx(list, i) : list;

		policy->statements[i].of_user = kind == POLICY_OF_USER;
		if (read_statement(o, i + 1, &policy->statements[i], f))
			return -1;
	}
	return 0;
}

static size_t count_members(struct json_object *value)
{
	size_t count = 0;

	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; i < json_object_array_length(value); i++)
			count += count_members(json_object_array_get_idx(value, i));
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, name, member) {
			(void)name;
			count += 1 + count_members(member);
		}
	}
	return count;
}

/*
 * json-c keeps the last of two members with one name, and another reader keeps the first. A JSON
 * text has one colon outside of strings for each member, so a member is lost if there are more.
 */
static bool has_duplicates(const char *text, struct json_object *json)
{
	bool quoted = false;
	size_t colons = 0;

	for (; *text; text++) {
		if (quoted && *text == '\\')
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (*text == ':' && !quoted)
			colons++;
	}
	return colons != count_members(json);
}

static int parse(const char *text, enum policy_kind kind, struct policy *policy, struct fault *f)
{
	struct place place = { 0, "Policy" };

	if (strlen(text) > POLICY_MAX)
		return fault_set(f, "LimitExceededException",
				 "The policy has more than %d bytes. Shorten it.", POLICY_MAX);
	policy->json = json_parse(text, strlen(text));
	if (!json_object_is_type(policy->json, json_type_object))
		return policy_malformed(&place, f,
					"The document must be one JSON object. Check its commas, quotes and brackets.");
	if (has_duplicates(text, policy->json))
		return policy_malformed(&place, f, "An object has two members of one name.");
	return read_statements(policy, kind, f);
}

/**
 * policy_parse() - read a policy document
 * @text: terminated
 * @policy: set; policy_free()
 * @f: MalformedPolicyDocumentException with the place, LimitExceededException, or
 *	KMSInternalException when memory is short
 *
 * Return: 0 or -1.
 */
int policy_parse(const char *text, enum policy_kind kind, struct policy **policy, struct fault *f)
{
	_cleanup_policy_ struct policy *read = calloc(1, sizeof(*read));

	*policy = NULL;
	if (!read)
		return no_memory(f);
	if (parse(text, kind, read, f))
		return -1;
	*policy = read;
	read = NULL;
	return 0;
}

/** policy_free() - NULL is fine */
void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; policy->statements && i < policy->count; i++) {
		struct statement *statement = &policy->statements[i];

		free(statement->principals.list);
		free(statement->actions.list);
		free(statement->resources.list);
		conditions_free(statement);
	}
	free(policy->statements);
	json_object_put(policy->json);
	free(policy);
}

void policy_freep(struct policy **policy)
{
	policy_free(*policy);
}
