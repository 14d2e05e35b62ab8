// SPDX-License-Identifier: MIT
/*
 * PutUserPolicy, GetUserPolicy, ListUserPolicies, DeleteUserPolicy.
 *
 * Must never keep a policy that is not read and checked in full.
 */
#include <libxml/uri.h>
#include <string.h>

#include "kms/ops/iam.h"
#include "kms/ops/params.h"
#include "kms/policy/document.h"
#include "lib/base/json.h"

#define POLICY_NAME_CHARS 128

static int read_name(struct call *call, const char **name, struct fault *f)
{
	if (param_need_text(call->params, "PolicyName", POLICY_NAME_CHARS, name, f))
		return -1;
	if (principal_name_valid(*name, POLICY_NAME_CHARS))
		return 0;
	return param_invalid(f, "policyName",
			     "The specified value for policyName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-");
}

/* As AWS, which counts no white space, nor that in strings. @with_space: of the texts as kept */
static size_t size_of_all(const struct user *user, bool with_space)
{
	size_t size = 0;

	json_object_object_foreach(user->policies, name, text) {
		(void)name;
		for (const char *at = json_object_get_string(text); *at; at++)
			size += with_space || !strchr(" \t\n\r", *at);
	}
	return size;
}

/** user_policy_restricts() - does PutUserPolicy put one more policy, which denies alone? */
bool user_policy_restricts(struct call *call)
{
	const char *user_name = json_get_string(call->params, "UserName");
	const char *name = json_get_string(call->params, "PolicyName");
	const char *text = json_get_string(call->params, "PolicyDocument");
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_user_ struct user user = { 0 };
	struct fault ignored;

	if (!user_name || !name || !text || policy_parse(text, POLICY_OF_USER, &policy, &ignored))
		return false;
	for (size_t i = 0; i < policy->count; i++)
		if (!policy->statements[i].denies)
			return false;
	return !store_get_user(call->kms->store, call->account, user_name, &user, &ignored) &&
	       !json_has(user.policies, name);
}

int op_put_user_policy(struct call *call, struct fault *f)
{
	_cleanup_policy_ struct policy *policy = NULL;
	_cleanup_user_ struct user user = { 0 };
	const char *name, *text;

	if (read_name(call, &name, f) || iam_user(call, false, &user, f) ||
	    param_need_text(call->params, "PolicyDocument", POLICY_MAX, &text, f) ||
	    policy_parse(text, POLICY_OF_USER, &policy, f))
		return -1;
	json_add_string(user.policies, name, text);
	if (size_of_all(&user, false) > USER_POLICIES_MAX || size_of_all(&user, true) > POLICY_MAX)
		return fault_set(f, "LimitExceeded",
				 "Maximum policy size of %d bytes exceeded for user %s. All of its policies count together, without white space. With white space they have at most %d bytes.",
				 USER_POLICIES_MAX, user.name, POLICY_MAX);
	return store_put_user(call->kms->store, &user, NULL, f);
}

/* The policy that the request names. Return: borrowed from @user, or NULL with @f */
static const char *find(struct call *call, struct user *user, const char **name, struct fault *f)
{
	const char *text;

	if (read_name(call, name, f) || iam_user(call, false, user, f))
		return NULL;
	text = json_get_string(user->policies, *name);
	if (!text)
		fault_set(f, "NoSuchEntity", "The user policy with name %s cannot be found.",
			  *name);
	return text;
}

int op_get_user_policy(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	const char *name, *text = find(call, &user, &name, f);
	xmlChar *escaped;

	if (!text)
		return -1;
	/* RFC 3986, as AWS does. */
	escaped = xmlURIEscapeStr(BAD_CAST text, BAD_CAST "");
	if (!escaped)
		return fault_set(f, "ServiceFailure", "Out of memory. Try again.");
	json_add_string(call->reply, "UserName", user.name);
	json_add_string(call->reply, "PolicyName", name);
	json_add_string(call->reply, "PolicyDocument", (const char *)escaped);
	xmlFree(escaped);
	return 0;
}

int op_list_user_policies(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	struct json_object *list;

	if (iam_user(call, false, &user, f))
		return -1;
	list = json_object_new_array();
	json_object_object_foreach(user.policies, name, text) {
		(void)text;
		json_object_array_add(list, json_object_new_string(name));
	}
	json_add_object(call->reply, "PolicyNames", list);
	json_add_bool(call->reply, "IsTruncated", false);
	return 0;
}

int op_delete_user_policy(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	const char *name;

	if (!find(call, &user, &name, f))
		return -1;
	json_object_object_del(user.policies, name);
	return store_put_user(call->kms->store, &user, NULL, f);
}
