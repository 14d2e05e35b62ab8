// SPDX-License-Identifier: MIT
/*
 * CreateUser, GetUser, ListUsers, DeleteUser.
 *
 * Must never make a user with the name of a profile of the credentials file: both would have one ARN.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kms/auth/authorize.h"
#include "kms/ops/iam.h"
#include "kms/ops/page.h"
#include "kms/ops/params.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"

#define USERS_MAX	   5000 /* of an account, as AWS */
#define LIST_USERS_MOST	   1000
#define LIST_USERS_DEFAULT 100

static struct json_object *describe(const struct user *user)
{
	struct json_object *o = json_object_new_object();
	char arn[USER_ARN_MAX], created[32];

	arn_format_user(arn, user->account, user->name);
	format_time(user->created, created);
	json_add_string(o, "Path", "/");
	json_add_string(o, "UserName", user->name);
	json_add_string(o, "UserId", user->id);
	json_add_string(o, "Arn", arn);
	json_add_string(o, "CreateDate", created);
	return o;
}

/* May the caller do what it asks for with the user @name? NULL: with all users */
static int may(struct call *call, const char *name, struct fault *f)
{
	struct access access = access_of(call);
	char arn[USER_ARN_MAX];

	if (name) {
		arn_format_user(arn, call->account, name);
		access.resource = arn;
	}
	return authorize(&access, f);
}

/* Reads UserName. @itself: a user may leave it out, and means itself */
static int read_name(struct call *call, bool itself, const char **name, struct fault *f)
{
	if (param_text(call->params, "UserName", USER_NAME_CHARS, name, f))
		return -1;
	if (!*name && !itself)
		return param_invalid(f, "userName", "Member must not be null");
	if (!*name && call->user)
		*name = call->user->name;
	if (!*name)
		return fault_set(f, "ValidationError",
				 "Must specify userName when calling with non-User credentials");
	if (!principal_name_valid(*name, USER_NAME_CHARS))
		return param_invalid(f, "userName",
				     "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-");
	return 0;
}

/* Has a profile of the credentials file the name? Its case does not count, as that of users */
static bool is_profile(const struct call *call, const char *name)
{
	const struct principals *profiles = &call->kms->principals;

	for (size_t i = 0; i < profiles->count; i++)
		if (!strcasecmp(profiles->list[i].name, name) &&
		    !strcmp(profiles->list[i].account, call->account))
			return true;
	return false;
}

static int not_found(const struct call *call, const char *name, struct fault *f)
{
	return fault_set(f, "NoSuchEntity", "The user with name %s cannot be found.%s", name,
			 is_profile(call, name)
				 ? " It is a profile of the credentials file: policies of keys and grants give it rights."
				 : "");
}

/**
 * iam_user() - the user that a request names, for which the caller has the right
 * @itself: a user may leave its name out, and means itself
 * @user: filled; user_free(), also on failure
 *
 * The caller is asked about the name that the user has, and not about the one that the caller wrote: the
 * case of names does not count here, and in ARNs it does.
 *
 * Return: 0 or -1.
 */
int iam_user(struct call *call, bool itself, struct user *user, struct fault *f)
{
	const char *name;
	int r;

	if (read_name(call, itself, &name, f))
		return -1;
	r = store_get_user(call->kms->store, call->account, name, user, f);
	if ((r && r != -ENOENT) || may(call, r ? name : user->name, f))
		return -1;
	return r ? not_found(call, name, f) : 0;
}

static int already_exists(const char *name, struct fault *f)
{
	return fault_set(f, "EntityAlreadyExists", "User with name %s already exists.", name);
}

static int check_new(struct call *call, const char *name, struct fault *f)
{
	_cleanup_user_ struct user other = { 0 };
	int64_t count;
	int r = store_get_user(call->kms->store, call->account, name, &other, f);

	if (r != -ENOENT)
		return r ? -1 : already_exists(name, f);
	if (is_profile(call, name))
		return fault_set(f, "EntityAlreadyExists",
				 "A profile of the credentials file has the name %s. Choose another one.",
				 name);
	if (store_count_users(call->kms->store, call->account, &count, f))
		return -1;
	if (count < USERS_MAX)
		return 0;
	return fault_set(f, "LimitExceeded",
			 "Cannot exceed quota for UsersPerAccount: %d. Delete some with DeleteUser.",
			 USERS_MAX);
}

/* Members that would give a user something else than it is asked for. */
static int check_members(struct call *call, struct fault *f)
{
	const char *path = json_get_string(call->params, "Path");

	if (path && strcmp(path, "/"))
		return fault_set(f, "UnsupportedOperation",
				 "This KMS has no paths of users. Leave Path out.");
	json_object_object_foreach(call->params, name, value) {
		(void)value;
		if (!strncmp(name, "Tags", 4))
			return fault_set(f, "UnsupportedOperation",
					 "This KMS has no tags of users. Leave Tags out.");
	}
	return json_has(call->params, "PermissionsBoundary")
		       ? fault_set(f, "UnsupportedOperation",
				   "This KMS has no permissions boundaries. Leave it out.")
		       : 0;
}

int op_create_user(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	const char *name;

	if (read_name(call, false, &name, f) || may(call, name, f) || check_members(call, f) ||
	    check_new(call, name, f) || user_new(&user, call->account, name, call->now, f) ||
	    store_put_user(call->kms->store, &user, NULL, f))
		return -1;
	json_add_object(call->reply, "User", describe(&user));
	return 0;
}

int op_get_user(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };

	if (iam_user(call, true, &user, f))
		return -1;
	json_add_object(call->reply, "User", describe(&user));
	return 0;
}

static int list_user(const struct user *user, void *userdata)
{
	return page_add(userdata, user->name, describe(user));
}

/* Reads MaxItems and Marker as page_begin() reads Limit and Marker. */
static int begin_page(struct call *call, struct page *page, struct fault *f)
{
	_cleanup_json_ struct json_object *params = json_object_new_object();
	const char *marker = json_get_string(call->params, "Marker");
	const char *most = json_get_string(call->params, "MaxItems");
	char *end = NULL;

	if (marker)
		json_add_string(params, "Marker", marker);
	if (most) {
		json_add_int(params, "maxItems", strtoll(most, &end, 10));
		if (end == most || *end)
			return param_invalid(f, "maxItems", "Member must be a number");
	}
	return page_begin_named(page, params, "maxItems", LIST_USERS_MOST, LIST_USERS_DEFAULT, f);
}

/* Moves the entries to the reply in the words of IAM. */
static void end_page(struct call *call, struct page *page, const char *name)
{
	page_move(page, call->reply, name, "Marker");
	json_add_bool(call->reply, "IsTruncated", page->truncated);
}

int op_list_users(struct call *call, struct fault *f)
{
	_cleanup_page_ struct page page = { 0 };
	const char *prefix = json_get_string(call->params, "PathPrefix");

	if (may(call, NULL, f) || begin_page(call, &page, f))
		return -1;
	/* Each user has the path "/". */
	if ((!prefix || !strcmp(prefix, "/")) &&
	    store_list_users(call->kms->store, call->account, page.after, list_user, &page, f))
		return -1;
	end_page(call, &page, "Users");
	return 0;
}

int op_delete_user(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };

	if (iam_user(call, false, &user, f))
		return -1;
	if (user.key_count > 0)
		return fault_set(f, "DeleteConflict",
				 "Cannot delete entity, must delete access keys first.");
	if (json_object_object_length(user.policies) > 0)
		return fault_set(f, "DeleteConflict",
				 "Cannot delete entity, must delete policies first.");
	return store_delete_user(call->kms->store, &user, f);
}
