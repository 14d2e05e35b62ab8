// SPDX-License-Identifier: MIT
/*
 * Keys in the store.
 *
 * Must never trust a column beside the sealed record: columns only find and order rows.
 */
#include <errno.h>
#include <string.h>

#include "lib/base/json.h"
#include "kms/store/store.h"
#include "kms/store/store_row.h"

int store_add_key(struct store *store, const struct cmk *cmk, const struct secret *material,
		  struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = cmk_record(cmk);

	if (store_prepare(store, "INSERT INTO keys VALUES (?, ?, ?, ?)", &statement, f))
		return -1;
	store_bind_text(statement, 1, cmk->key_id);
	store_bind_text(statement, 2, cmk->account);
	if (row_bind(store, statement, 3, record, material, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "add a key", f);
	return 0;
}

/* Columns: key_id, account, record, seal. Returns as row_read() does. */
static int read_key(struct store *store, sqlite3_stmt *statement, struct cmk *cmk,
		    struct secret **material, struct fault *f)
{
	const char *key_id = (const char *)sqlite3_column_text(statement, 0);
	const char *account = (const char *)sqlite3_column_text(statement, 1);
	_cleanup_json_ struct json_object *record = NULL;
	int err = row_read(store, statement, 2, &record, CMK_MATERIAL_BYTES, material, f);

	if (err)
		return err;
	if (cmk_from_record(record, cmk) || strcmp(cmk->key_id, key_id) != 0 ||
	    strcmp(cmk->account, account) != 0) {
		cmk_free(cmk);
		if (material) {
			secret_free(*material);
			*material = NULL;
		}
		fault_set(f, "KMSInternalException",
			  "the record of key %s was swapped: restore the key store from a backup",
			  key_id);
		return -EBADMSG;
	}
	return 0;
}

int store_get_key(struct store *store, const char *key_id, struct cmk *cmk,
		  struct secret **material, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "SELECT key_id, account, record, seal FROM keys WHERE key_id = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, key_id);
	switch (sqlite3_step(statement)) {
	case SQLITE_DONE:
		return -ENOENT;
	case SQLITE_ROW:
		return read_key(store, statement, cmk, material, f) ? -1 : 0;
	default:
		return store_fault(store, "read a key", f);
	}
}

int store_update_key(struct store *store, const struct cmk *cmk, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = cmk_record(cmk);
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_cmk_ struct cmk before = { 0 };

	if (store_get_key(store, cmk->key_id, &before, &material, f))
		return -1;
	if (store_prepare(store, "UPDATE keys SET record = ?, seal = ? WHERE key_id = ?",
			  &statement, f) ||
	    row_bind(store, statement, 1, record, material, f))
		return -1;
	store_bind_text(statement, 3, cmk->key_id);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "update a key", f);
	return 0;
}

int store_list_keys(struct store *store, const char *account, const char *after, store_key_t each,
		    void *userdata, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step = SQLITE_DONE, ret = 0;

	if (store_prepare(store,
			  "SELECT key_id, account, record, seal FROM keys"
			  " WHERE account = ? AND key_id > ? ORDER BY key_id",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, account);
	store_bind_text(statement, 2, after);
	while (ret == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		_cleanup_cmk_ struct cmk cmk = { 0 };

		if (read_key(store, statement, &cmk, NULL, f))
			return -1;
		ret = each(&cmk, userdata);
	}
	if (ret == 0 && step != SQLITE_DONE)
		return store_fault(store, "list keys", f);
	return 0;
}

static int destroy_key(struct store *store, const char *key_id, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "DELETE FROM keys WHERE key_id = ?", &statement, f))
		return -1;
	store_bind_text(statement, 1, key_id);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "destroy a key", f);
	return 0;
}

struct due_search {
	int64_t now;
	int64_t next;
	struct cmk first; /* that is due, without its description; key_id "" for none */
};

static void note_due(const struct cmk *cmk, struct due_search *due)
{
	if (cmk->state != KEY_PENDING_DELETION)
		return;
	if (cmk->deletion <= due->now) {
		if (due->first.key_id[0] == '\0') {
			due->first = *cmk;
			due->first.description = NULL;
		}
	} else if (due->next == 0 || cmk->deletion < due->next) {
		due->next = cmk->deletion;
	}
}

/* A damaged row is passed over here: it must not keep the others from being destroyed. */
static int find_due(struct store *store, struct due_search *due, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step, err;

	if (store_prepare(store, "SELECT key_id, account, record, seal FROM keys", &statement, f))
		return -1;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		_cleanup_cmk_ struct cmk cmk = { 0 };

		err = read_key(store, statement, &cmk, NULL, f);
		if (err && err != -EBADMSG)
			return -1;
		if (!err)
			note_due(&cmk, due);
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "read the keys", f);
}

/* All or nothing: a key is not gone unless @each has taken note of it. */
static int destroy(struct store *store, const struct cmk *cmk, store_destroyed_t each,
		   void *userdata, struct fault *f)
{
	if (store_begin(store, f))
		return -1;
	if (destroy_key(store, cmk->key_id, f) || each(cmk, userdata, f)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, f);
}

int store_destroy_due(struct store *store, int64_t now, store_destroyed_t each, void *userdata,
		      int64_t *next, struct fault *f)
{
	int destroyed = 0;

	for (;;) {
		struct due_search due = { .now = now };

		if (find_due(store, &due, f))
			return -1;
		*next = due.next;
		if (due.first.key_id[0] == '\0')
			return destroyed;
		if (destroy(store, &due.first, each, userdata, f))
			return -1;
		destroyed++;
	}
}
