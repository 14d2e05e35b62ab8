// SPDX-License-Identifier: MIT
/*
 * Users in the store. The set has each user by its name and by each of its access keys, so that the user
 * of an access key is found, or its absence proved.
 *
 * Must never trust a column beside the sealed record: columns only find and order rows.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "kms/users/user.h"
#include "lib/base/json.h"

/* Columns that user_row_open() expects. */
#define USER_COLUMNS "name, record, seal"
#define SEAL_COLUMN  2

/* Names of users have no case, as in AWS. */
static void set_user_name(const char *account, const char *user, char name[SET_NAME_MAX])
{
	char *at = name + snprintf(name, SET_NAME_MAX, "user/%s/", account);

	for (; *user; user++)
		*at++ = (char)tolower((unsigned char)*user);
	*at = '\0';
}

static void set_access_name(const char *access_key, char name[SET_NAME_MAX])
{
	snprintf(name, SET_NAME_MAX, "access/%s", access_key);
}

static int swapped(const char *user, struct fault *f)
{
	fault_set(f, "KMSInternalException",
		  "The record of user %s was swapped. Restore the key store from a backup.", user);
	return -EBADMSG;
}

/* Opens the user in the current row, which may be an old one. Return: as row_read() */
static int user_row_open(struct store *store, sqlite3_stmt *statement, struct user *user,
			 struct fault *f)
{
	const char *name = (const char *)sqlite3_column_text(statement, 0);
	_cleanup_json_ struct json_object *record = NULL;
	_cleanup_secret_ struct secret *secrets = NULL;
	int r = row_read(store, statement, 1, &record, USER_KEYS_MAX * SECRET_KEY_CHARS, &secrets,
			 f);

	if (r)
		return r;
	if (user_from_record(record, user) || strcmp(user->name, name)) {
		user_free(user);
		return swapped(name, f);
	}
	user->secrets = secrets;
	secrets = NULL;
	return 0;
}

/* Reads the one row of @statement, whose seal has @tag. @name: in the set. Return: 0 or -1 */
static int read_known(struct store *store, sqlite3_stmt *statement, const char *name,
		      const sd_id128_t *tag, struct user *user, struct fault *f)
{
	if (row_step(store, statement, name, "read a user", f) ||
	    user_row_open(store, statement, user, f))
		return -1;
	if (!set_compare_row(name, tag, statement, SEAL_COLUMN, f))
		return 0;
	user_free(user);
	return -1;
}

/* Finds the user that the set has as @name, with @sql of two texts. Return: 0, -ENOENT, or -1 */
static int find(struct store *store, const char *name, const char *sql, const char *const texts[2],
		struct user *user, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	sd_id128_t tag;
	int r = set_find(store, name, &tag, f);

	if (r)
		return r == -ENOENT ? r : -1;
	if (store_prepare(store, sql, &statement, f))
		return -1;
	store_bind_text(statement, 1, texts[0]);
	store_bind_text(statement, 2, texts[1]);
	return read_known(store, statement, name, &tag, user, f);
}

/**
 * store_get_user() - read a user by its name, whose case does not count
 * @user: filled; user_free()
 *
 * Return: 0, -ENOENT with @f untouched when its absence is proved, or -1.
 */
int store_get_user(struct store *store, const char *account, const char *name, struct user *user,
		   struct fault *f)
{
	const char *const texts[] = { account, name };
	char entry[SET_NAME_MAX];

	set_user_name(account, name, entry);
	return find(store, entry,
		    "SELECT " USER_COLUMNS " FROM users WHERE account = ?1 AND name = ?2", texts,
		    user, f);
}

/** store_find_user() - as store_get_user(), of the user who has @access_key, also an inactive one */
int store_find_user(struct store *store, const char *access_key, struct user *user, struct fault *f)
{
	const char *const texts[] = { access_key, access_key };
	char entry[SET_NAME_MAX];

	set_access_name(access_key, entry);
	return find(store, entry,
		    "SELECT " USER_COLUMNS " FROM users WHERE first_key = ?1 OR second_key = ?2",
		    texts, user, f);
}

static bool has_key(const struct user *user, const char *id)
{
	for (size_t i = 0; i < user->key_count; i++)
		if (!strcmp(user->keys[i].id, id))
			return true;
	return false;
}

/* Takes the access keys of @before that @user lacks out of the set. NULL: all of them */
static int drop_keys(struct store *store, const struct user *before, const struct user *user,
		     struct fault *f)
{
	char name[SET_NAME_MAX];

	for (size_t i = 0; i < before->key_count; i++) {
		if (user && has_key(user, before->keys[i].id))
			continue;
		set_access_name(before->keys[i].id, name);
		if (set_drop(store, name, f))
			return -1;
	}
	return 0;
}

static int put_names(struct store *store, const struct user *user, const sd_id128_t *tag,
		     struct fault *f)
{
	char name[SET_NAME_MAX];

	set_user_name(user->account, user->name, name);
	if (set_put(store, name, tag, f))
		return -1;
	for (size_t i = 0; i < user->key_count; i++) {
		set_access_name(user->keys[i].id, name);
		if (set_put(store, name, tag, f))
			return -1;
	}
	return 0;
}

static int write(struct store *store, const struct user *user, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = user_record(user);
	sd_id128_t tag;

	if (store_prepare(store,
			  "INSERT OR REPLACE INTO users"
			  " (account, name, first_key, second_key, record, seal)"
			  " VALUES (?, ?, ?, ?, ?, ?)",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, user->account);
	store_bind_text(statement, 2, user->name);
	store_bind_text(statement, 3, user->keys[0].id);
	store_bind_text(statement, 4, user->keys[1].id);
	if (row_bind(store, statement, 5, record, user->secrets, &tag, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "write a user", f);
	return put_names(store, user, &tag, f);
}

/**
 * store_put_user() - add @user, or write it anew
 * @before: as it was, whose access keys may be others; NULL for a new user
 *
 * Return: 0 or -1.
 */
int store_put_user(struct store *store, const struct user *user, const struct user *before,
		   struct fault *f)
{
	bool own;
	int r;

	if (change_begin(store, &own, f))
		return -1;
	r = before ? drop_keys(store, before, user, f) : 0;
	return change_end(store, own, r ? r : write(store, user, f), f);
}

static int drop(struct store *store, const struct user *user, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	char name[SET_NAME_MAX];

	if (store_prepare(store, "DELETE FROM users WHERE account = ? AND name = ?", &statement, f))
		return -1;
	store_bind_text(statement, 1, user->account);
	store_bind_text(statement, 2, user->name);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "delete a user", f);
	set_user_name(user->account, user->name, name);
	return set_drop(store, name, f) || drop_keys(store, user, NULL, f) ? -1 : 0;
}

/** store_delete_user() - with its access keys and policies; Return: 0 or -1 */
int store_delete_user(struct store *store, const struct user *user, struct fault *f)
{
	bool own;

	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, drop(store, user, f), f);
}

/**
 * user_each_name() - hand each user of all accounts to @each; in a change
 *
 * A user whose row is damaged is left out: nobody can sign as it.
 *
 * Return: 0 or -1.
 */
int user_each_name(struct store *store,
		   int (*each)(struct store *, const struct bound_user *, struct fault *),
		   struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step;

	if (store_prepare(store, "SELECT " USER_COLUMNS " FROM users", &statement, f))
		return -1;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		_cleanup_user_ struct user user = { 0 };
		struct bound_user named;
		char entry[SET_NAME_MAX];
		int r = user_row_open(store, statement, &user, f);

		if (!r) {
			set_user_name(user.account, user.name, entry);
			r = set_check_row(store, entry, statement, SEAL_COLUMN, f);
		}
		if (r && r != -EBADMSG)
			return -1;
		arn_format_user(named.arn, user.account, user.name);
		strcpy(named.id, user.id);
		if (!r && each(store, &named, f))
			return -1;
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "read the users", f);
}

struct user_list {
	const char *account;
	store_user_t each;
	void *userdata;
};

static int list_user(struct store *store, sqlite3_stmt *statement, void *userdata, struct fault *f)
{
	const struct user_list *list = userdata;
	_cleanup_user_ struct user user = { 0 };
	char name[SET_NAME_MAX];

	if (user_row_open(store, statement, &user, f))
		return -1;
	if (strcmp(user.account, list->account))
		return swapped(user.name, f);
	set_user_name(user.account, user.name, name);
	if (set_check_row(store, name, statement, SEAL_COLUMN, f))
		return -1;
	return list->each(&user, list->userdata);
}

/**
 * store_list_users() - hand each user of @account after @after to @each, in order of name
 *
 * Return: 0 or -1.
 */
int store_list_users(struct store *store, const char *account, const char *after, store_user_t each,
		     void *userdata, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct user_list list = { account, each, userdata };

	if (set_count_rows(store, f) ||
	    store_prepare(store,
			  "SELECT " USER_COLUMNS " FROM users"
			  " WHERE account = ? AND name > ? ORDER BY name",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, account);
	store_bind_text(statement, 2, after);
	return row_list(store, statement, list_user, &list, f);
}

/** store_count_users() - how many users has @account? For its quota; Return: 0 or -1 */
int store_count_users(struct store *store, const char *account, int64_t *count, struct fault *f)
{
	return row_number(store, "SELECT count(*) FROM users WHERE account = ?", account,
			  "count the users", count, f);
}
