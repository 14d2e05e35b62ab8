// SPDX-License-Identifier: MIT
/*
 * CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey.
 *
 * Must never tell a secret access key but once, over TLS.
 */
#include <string.h>

#include "kms/ops/iam.h"
#include "kms/ops/params.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"

#define KEY_ID_CHARS 128

static struct json_object *describe(const struct user *user, const struct user_key *key)
{
	struct json_object *o = json_object_new_object();
	char created[32];

	format_time(key->created, created);
	json_add_string(o, "UserName", user->name);
	json_add_string(o, "AccessKeyId", key->id);
	json_add_string(o, "Status", key->active ? "Active" : "Inactive");
	json_add_string(o, "CreateDate", created);
	return o;
}

int op_create_access_key(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	char secret[SECRET_KEY_CHARS + 1];
	struct json_object *key;

	if (iam_user(call, true, &user, f))
		return -1;
	if (call->transport == TRANSPORT_UNIX)
		return fault_set(f, "ValidationError",
				 "A secret access key does not travel over the unix socket. Use the TLS endpoint.");
	if (user.key_count == USER_KEYS_MAX)
		return fault_set(f, "LimitExceeded",
				 "Cannot exceed quota for AccessKeysPerUser: %d. Delete one with DeleteAccessKey.",
				 USER_KEYS_MAX);
	if (user_key_add(&user, call->now, secret, f))
		return -1;
	key = describe(&user, &user.keys[user.key_count - 1]);
	json_add_string(key, "SecretAccessKey", secret);
	explicit_bzero(secret, sizeof(secret));
	json_add_object(call->reply, "AccessKey", key);
	call->has_plaintext = true;
	return store_put_user(call->kms->store, &user, NULL, f);
}

int op_list_access_keys(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	struct json_object *list;

	if (iam_user(call, true, &user, f))
		return -1;
	list = json_object_new_array();
	for (size_t i = 0; i < user.key_count; i++)
		json_object_array_add(list, describe(&user, &user.keys[i]));
	json_add_object(call->reply, "AccessKeyMetadata", list);
	json_add_bool(call->reply, "IsTruncated", false);
	return 0;
}

/* The access key that the request names. Return: in @user, or NULL with @f */
static struct user_key *find(struct call *call, struct user *user, struct fault *f)
{
	struct user_key *key;
	const char *id;

	if (param_need_text(call->params, "AccessKeyId", KEY_ID_CHARS, &id, f) ||
	    iam_user(call, true, user, f))
		return NULL;
	key = user_key_find(user, id);
	if (!key)
		fault_set(f, "NoSuchEntity", "The Access Key with id %s cannot be found.", id);
	return key;
}

int op_update_access_key(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	struct user_key *key;
	const char *status;

	if (param_need_text(call->params, "Status", 8, &status, f))
		return -1;
	if (strcmp(status, "Active") && strcmp(status, "Inactive"))
		return param_invalid(f, "status",
				     "Member must satisfy enum value set: [Active, Inactive]");
	key = find(call, &user, f);
	if (!key)
		return -1;
	key->active = !strcmp(status, "Active");
	return store_put_user(call->kms->store, &user, NULL, f);
}

int op_delete_access_key(struct call *call, struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	struct user before = { 0 };
	struct user_key *key = find(call, &user, f);

	if (!key)
		return -1;
	before = user;
	user_key_drop(&user, key);
	return store_put_user(call->kms->store, &user, &before, f);
}
