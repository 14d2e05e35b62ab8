// SPDX-License-Identifier: MIT
/*
 * Keys in the store.
 *
 * Must never trust a column beside the sealed record: columns only find and order rows.
 */
#include <errno.h>
#include <string.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "lib/base/json.h"

static int insert(struct store *store, const struct cmk *cmk, const struct secret *material,
		  struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = cmk_record(cmk);
	char name[SET_NAME_MAX];
	sd_id128_t tag;

	if (store_prepare(store,
			  "INSERT INTO keys (" KEY_COLUMNS ", deletion, rotation)"
			  " VALUES (?, ?, ?, ?, ?, ?)",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, cmk->key_id);
	store_bind_text(statement, 2, cmk->account);
	sqlite3_bind_int64(statement, 5, key_hint(cmk));
	sqlite3_bind_int64(statement, 6, key_rotation_hint(cmk));
	if (row_bind(store, statement, 3, record, material, &tag, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "add a key", f);
	set_key_name(cmk->key_id, name);
	return set_put(store, name, &tag, f);
}

/** store_add_key() - insert @cmk; Return: 0 or -1 */
int store_add_key(struct store *store, const struct cmk *cmk, const struct secret *material,
		  struct fault *f)
{
	bool own;

	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, insert(store, cmk, material, f), f);
}

/* A key that is not handed out. */
static void drop(struct cmk *cmk, struct secret **material)
{
	cmk_free(cmk);
	if (material) {
		secret_free(*material);
		*material = NULL;
	}
}

/**
 * key_row_open() - open a key in the current row, whose columns are KEY_COLUMNS
 *
 * The row may be an old one. key_row_read() refuses an old row.
 *
 * Return: as row_read().
 */
int key_row_open(struct store *store, sqlite3_stmt *statement, struct cmk *cmk,
		 struct secret **material, struct fault *f)
{
	const char *key_id = (const char *)sqlite3_column_text(statement, 0);
	const char *account = (const char *)sqlite3_column_text(statement, 1);
	_cleanup_json_ struct json_object *record = NULL;
	_cleanup_secret_ struct secret *opened = NULL;
	int r = row_read(store, statement, 2, &record, CMK_MATERIAL_BYTES, &opened, f);

	if (r)
		return r;
	/*
	 * Compare the lengths too. strcmp() ends at a NUL inside a column, so the texts would look
	 * equal, but sqlite could not find the row by the key id.
	 */
	if (cmk_from_record(record, cmk) || strcmp(cmk->key_id, key_id) ||
	    strcmp(cmk->account, account) ||
	    strlen(key_id) != (size_t)sqlite3_column_bytes(statement, 0) ||
	    strlen(account) != (size_t)sqlite3_column_bytes(statement, 1)) {
		cmk_free(cmk);
		fault_set(f, "KMSInternalException",
			  "The record of key %s was swapped. Restore the key store from a backup.",
			  key_id);
		return -EBADMSG;
	}
	/* The record is of an older version. The next change of the key writes the id. */
	if (!cmk->first_material[0] && material_id(key_id, opened, cmk->first_material, f)) {
		cmk_free(cmk);
		return -1;
	}
	if (material) {
		*material = opened;
		opened = NULL;
	}
	return 0;
}

/** key_row_read() - as key_row_open(), and the row must be the one that the set names */
int key_row_read(struct store *store, sqlite3_stmt *statement, struct cmk *cmk,
		 struct secret **material, struct fault *f)
{
	char name[SET_NAME_MAX];
	int r = key_row_open(store, statement, cmk, material, f);

	if (r)
		return r;
	set_key_name(cmk->key_id, name);
	r = set_check_row(store, name, statement, 3, f);
	if (r)
		drop(cmk, material);
	return r;
}

/* Why is there no row? Return: -ENOENT when there is no such key, else -1 */
static int explain_absence(struct store *store, const char *key_id, struct fault *f)
{
	char name[SET_NAME_MAX];
	sd_id128_t tag;
	int r;

	set_key_name(key_id, name);
	r = set_find(store, name, &tag, f);
	if (r)
		return r == -ENOENT ? r : -1;
	return fault_set(f, "KMSInternalException",
			 "The record of key %s is missing. Restore the key store from a backup.",
			 key_id);
}

/**
 * store_get_key() - read a key and check its seal
 * @cmk: filled; cmk_free()
 * @material: NULL, or set to the key's material; secret_free()
 *
 * Return: 0, -ENOENT with @f untouched when it is proved that the key does not exist, or -1.
 */
int store_get_key(struct store *store, const char *key_id, struct cmk *cmk,
		  struct secret **material, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "SELECT " KEY_COLUMNS " FROM keys WHERE key_id = ?", &statement,
			  f))
		return -1;
	store_bind_text(statement, 1, key_id);
	switch (sqlite3_step(statement)) {
	case SQLITE_DONE:
		return explain_absence(store, key_id, f);
	case SQLITE_ROW:
		return key_row_read(store, statement, cmk, material, f) ? -1 : 0;
	default:
		return store_fault(store, "read a key", f);
	}
}

static int update(struct store *store, const struct cmk *cmk, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = cmk_record(cmk);
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_cmk_ struct cmk before = { 0 };
	char name[SET_NAME_MAX];
	sd_id128_t tag;

	if (store_get_key(store, cmk->key_id, &before, &material, f))
		return -1;
	if (store_prepare(store,
			  "UPDATE keys SET record = ?, seal = ?, deletion = ?, rotation = ?"
			  " WHERE key_id = ?",
			  &statement, f) ||
	    row_bind(store, statement, 1, record, material, &tag, f))
		return -1;
	sqlite3_bind_int64(statement, 3, key_hint(cmk));
	sqlite3_bind_int64(statement, 4, key_rotation_hint(cmk));
	store_bind_text(statement, 5, cmk->key_id);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "update a key", f);
	set_key_name(cmk->key_id, name);
	return set_put(store, name, &tag, f);
}

/** store_update_key() - seal the key's material anew with the metadata of @cmk; Return: 0 or -1 */
int store_update_key(struct store *store, const struct cmk *cmk, struct fault *f)
{
	bool own;

	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, update(store, cmk, f), f);
}

struct key_list {
	store_key_t each;
	void *userdata;
};

static int list_key(struct store *store, sqlite3_stmt *statement, void *userdata, struct fault *f)
{
	const struct key_list *list = userdata;
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (key_row_read(store, statement, &cmk, NULL, f))
		return -1;
	return list->each(&cmk, list->userdata);
}

/**
 * store_list_keys() - keys of @account in order of key id, the ones after @after
 * @after: "" for all
 *
 * Return: 0 or -1.
 */
int store_list_keys(struct store *store, const char *account, const char *after, store_key_t each,
		    void *userdata, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct key_list list = { each, userdata };

	if (set_count_rows(store, f))
		return -1;
	if (store_prepare(store,
			  "SELECT " KEY_COLUMNS " FROM keys"
			  " WHERE account = ? AND key_id > ? ORDER BY key_id",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, account);
	store_bind_text(statement, 2, after);
	return row_list(store, statement, list_key, &list, f);
}
