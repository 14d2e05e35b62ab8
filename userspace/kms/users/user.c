// SPDX-License-Identifier: MIT
/*
 * A user of IAM, in its stored form.
 *
 * Must never change the meaning of the stored form: the seals of existing users cover it.
 */
#include "kms/users/user.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"

#define USER_ID_PREFIX "AIDA"

static int no_locked_memory(struct fault *f)
{
	return fault_set(f, "KMSInternalException", "Memory cannot be locked. Raise LimitMEMLOCK.");
}

/** user_free() - wipe the secrets and release what @user owns */
void user_free(struct user *user)
{
	secret_free(user->secrets);
	json_object_put(user->policies);
	*user = (struct user){ 0 };
}

/**
 * user_new() - a user without access keys and policies
 * @user: filled; user_free()
 * @name: valid
 *
 * Return: 0 or -1.
 */
int user_new(struct user *user, const char *account, const char *name, int64_t now, struct fault *f)
{
	*user = (struct user){ .created = now };
	snprintf(user->name, sizeof(user->name), "%s", name);
	snprintf(user->account, sizeof(user->account), "%s", account);
	strcpy(user->id, USER_ID_PREFIX);
	user->policies = json_object_new_object();
	user->secrets = secret_new(USER_KEYS_MAX * SECRET_KEY_CHARS);
	if (!user->secrets)
		return no_locked_memory(f);
	if (!user->policies || credentials_id(user->id + strlen(USER_ID_PREFIX),
					      USER_ID_CHARS - strlen(USER_ID_PREFIX)))
		return fault_set(f, "KMSInternalException",
				 "No user can be made: memory is short, or OpenSSL gives no random bytes.");
	return 0;
}

/** user_record() - the user as it is sealed, without its secrets; Return: new object or NULL */
struct json_object *user_record(const struct user *user)
{
	struct json_object *record = json_object_new_object();
	struct json_object *keys = json_object_new_array();

	json_add_string(record, "Record", "user");
	json_add_string(record, "Account", user->account);
	json_add_string(record, "UserName", user->name);
	json_add_string(record, "UserId", user->id);
	json_add_int(record, "Created", user->created);
	for (size_t i = 0; i < user->key_count; i++) {
		struct json_object *key = json_object_new_object();

		json_add_string(key, "AccessKeyId", user->keys[i].id);
		json_add_bool(key, "Active", user->keys[i].active);
		json_add_int(key, "Created", user->keys[i].created);
		json_object_array_add(keys, key);
	}
	json_add_object(record, "AccessKeys", keys);
	json_add_object(record, "Policies", json_object_get(user->policies));
	return record;
}

static int key_from_record(struct json_object *o, struct user_key *key)
{
	key->active = json_get_bool(o, "Active", false);
	key->created = json_get_int(o, "Created", 0);
	return json_copy_string(o, "AccessKeyId", key->id, sizeof(key->id));
}

/**
 * user_from_record() - inverse of user_record()
 * @user: filled but for its secrets; user_free()
 *
 * Return: 0, or -1 when @record is not of a user.
 */
int user_from_record(struct json_object *record, struct user *user)
{
	struct json_object *keys = json_get_array(record, "AccessKeys");
	struct json_object *policies = json_get_object(record, "Policies");
	const char *kind = json_get_string(record, "Record");

	*user = (struct user){ .created = json_get_int(record, "Created", 0) };
	if (!kind || strcmp(kind, "user") || !keys || !policies ||
	    json_object_array_length(keys) > USER_KEYS_MAX ||
	    json_copy_string(record, "Account", user->account, sizeof(user->account)) ||
	    json_copy_string(record, "UserName", user->name, sizeof(user->name)) ||
	    json_copy_string(record, "UserId", user->id, sizeof(user->id)))
		return -1;
	for (; user->key_count < json_object_array_length(keys); user->key_count++)
		if (key_from_record(json_object_array_get_idx(keys, user->key_count),
				    &user->keys[user->key_count]))
			return -1;
	user->policies = json_object_get(policies);
	return 0;
}

/** user_key_find() - by its id; Return: in @user, or NULL */
struct user_key *user_key_find(struct user *user, const char *id)
{
	for (size_t i = 0; i < user->key_count; i++)
		if (!strcmp(user->keys[i].id, id))
			return &user->keys[i];
	return NULL;
}

/**
 * user_key_add() - make an access key
 * @secret: set to the secret access key; wipe it
 *
 * The user has fewer than USER_KEYS_MAX. Return: 0 or -1.
 */
int user_key_add(struct user *user, int64_t now, char secret[SECRET_KEY_CHARS + 1], struct fault *f)
{
	struct user_key *key = &user->keys[user->key_count];

	*key = (struct user_key){ .active = true, .created = now };
	if (credentials_key(key->id, secret))
		return fault_set(f, "KMSInternalException",
				 "An access key cannot be made: OpenSSL gives no random bytes.");
	memcpy(user->secrets->bytes + user->key_count * SECRET_KEY_CHARS, secret, SECRET_KEY_CHARS);
	user->key_count++;
	return 0;
}

/** user_key_drop() - delete an access key of @user, and wipe its secret */
void user_key_drop(struct user *user, struct user_key *key)
{
	uint8_t *secret = user->secrets->bytes + (size_t)(key - user->keys) * SECRET_KEY_CHARS;
	uint8_t *last = user->secrets->bytes + (user->key_count - 1) * SECRET_KEY_CHARS;

	memmove(secret, last, SECRET_KEY_CHARS);
	explicit_bzero(last, SECRET_KEY_CHARS);
	*key = user->keys[--user->key_count];
	user->keys[user->key_count] = (struct user_key){ 0 };
}

/**
 * user_principal() - the principal that signs with @key of @user
 * @principal: filled; secret_free() its secret
 *
 * Return: 0 or -1.
 */
int user_principal(const struct user *user, const struct user_key *key, struct principal *principal,
		   struct fault *f)
{
	size_t number = (size_t)(key - user->keys);

	*principal = (struct principal){ .limited = true };
	strcpy(principal->name, user->name);
	strcpy(principal->account, user->account);
	strcpy(principal->access_key, key->id);
	principal->secret_key = secret_new(SECRET_KEY_CHARS);
	if (!principal->secret_key)
		return no_locked_memory(f);
	memcpy(principal->secret_key->bytes, user->secrets->bytes + number * SECRET_KEY_CHARS,
	       SECRET_KEY_CHARS);
	return 0;
}
