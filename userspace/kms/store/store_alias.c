// SPDX-License-Identifier: MIT
/*
 * Aliases in the store.
 *
 * Must never trust a column beside the sealed record: columns only find and order rows.
 */
#include <errno.h>
#include <string.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "lib/base/json.h"

/* Columns that read_alias() expects. */
#define ALIAS_COLUMNS "account, name, record, seal"

/** alias_point() - make @alias the name of @cmk, in the account and region of the key */
void alias_point(struct alias *alias, const char *name, const struct cmk *cmk, int64_t now)
{
	*alias = (struct alias){ .created = now, .updated = now };
	strcpy(alias->name, name);
	strcpy(alias->account, cmk->account);
	strcpy(alias->region, cmk->region);
	strcpy(alias->target, cmk->key_id);
}

static struct json_object *alias_record(const struct alias *alias)
{
	struct json_object *record = json_object_new_object();

	json_add_string(record, "Record", "alias");
	json_add_string(record, "Name", alias->name);
	json_add_string(record, "Account", alias->account);
	json_add_string(record, "Region", alias->region);
	json_add_string(record, "Target", alias->target);
	json_add_int(record, "Created", alias->created);
	json_add_int(record, "Updated", alias->updated);
	return record;
}

static int read_alias(struct store *store, sqlite3_stmt *statement, struct alias *alias,
		      struct fault *f)
{
	const char *account = (const char *)sqlite3_column_text(statement, 0);
	const char *name = (const char *)sqlite3_column_text(statement, 1);
	_cleanup_json_ struct json_object *record = NULL;
	const char *kind;

	if (row_read(store, statement, 2, &record, 0, NULL, f))
		return -1;
	memset(alias, 0, sizeof(*alias));
	kind = json_get_string(record, "Record");
	if (!kind || strcmp(kind, "alias") ||
	    json_copy_string(record, "Name", alias->name, sizeof(alias->name)) ||
	    json_copy_string(record, "Account", alias->account, sizeof(alias->account)) ||
	    json_copy_string(record, "Region", alias->region, sizeof(alias->region)) ||
	    json_copy_string(record, "Target", alias->target, sizeof(alias->target)) ||
	    strcmp(alias->name, name) || strcmp(alias->account, account))
		return fault_set(f, "KMSInternalException",
				 "The record of %s was swapped. Restore the key store from a backup.",
				 name);
	alias->created = json_get_int(record, "Created", 0);
	alias->updated = json_get_int(record, "Updated", 0);
	return 0;
}

/** store_add_alias() - insert; Return: 0, -EEXIST with @f untouched, or -1 */
int store_add_alias(struct store *store, const struct alias *alias, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = alias_record(alias);

	if (store_prepare(store, "INSERT INTO aliases VALUES (?, ?, ?, ?, ?)", &statement, f))
		return -1;
	store_bind_text(statement, 1, alias->account);
	store_bind_text(statement, 2, alias->name);
	store_bind_text(statement, 3, alias->target);
	if (row_bind(store, statement, 4, record, NULL, f))
		return -1;
	if (sqlite3_step(statement) == SQLITE_DONE)
		return 0;
	if (sqlite3_extended_errcode(store->db) == SQLITE_CONSTRAINT_PRIMARYKEY)
		return -EEXIST;
	return store_fault(store, "add an alias", f);
}

/** store_get_alias() - read; Return: 0, -ENOENT with @f untouched, or -1 */
int store_get_alias(struct store *store, const char *account, const char *name, struct alias *alias,
		    struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store,
			  "SELECT " ALIAS_COLUMNS " FROM aliases"
			  " WHERE account = ? AND name = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, account);
	store_bind_text(statement, 2, name);
	switch (sqlite3_step(statement)) {
	case SQLITE_DONE:
		return -ENOENT;
	case SQLITE_ROW:
		return read_alias(store, statement, alias, f);
	default:
		return store_fault(store, "read an alias", f);
	}
}

/** store_update_alias() - point an existing alias elsewhere; Return: 0 or -1 */
int store_update_alias(struct store *store, const struct alias *alias, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = alias_record(alias);

	if (store_prepare(store,
			  "UPDATE aliases SET target = ?, record = ?, seal = ?"
			  " WHERE account = ? AND name = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, alias->target);
	if (row_bind(store, statement, 2, record, NULL, f))
		return -1;
	store_bind_text(statement, 4, alias->account);
	store_bind_text(statement, 5, alias->name);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "update an alias", f);
	return 0;
}

/** store_delete_alias() - delete; Return: 0, -ENOENT with @f untouched, or -1 */
int store_delete_alias(struct store *store, const char *account, const char *name, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "DELETE FROM aliases WHERE account = ? AND name = ?", &statement,
			  f))
		return -1;
	store_bind_text(statement, 1, account);
	store_bind_text(statement, 2, name);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "delete an alias", f);
	return sqlite3_changes(store->db) > 0 ? 0 : -ENOENT;
}

struct alias_list {
	const char *target; /* key id, or NULL */
	store_alias_t each;
	void *userdata;
};

static int list_alias(struct store *store, sqlite3_stmt *statement, void *userdata, struct fault *f)
{
	const struct alias_list *list = userdata;
	struct alias alias;

	if (read_alias(store, statement, &alias, f))
		return -1;
	/* The column found the row; the record decides. */
	if (list->target && strcmp(list->target, alias.target))
		return 0;
	return list->each(&alias, list->userdata);
}

/**
 * store_list_aliases() - as store_list_keys(), in order of name
 * @target: only the aliases of this key; NULL for all
 */
int store_list_aliases(struct store *store, const char *account, const char *target,
		       const char *after, store_alias_t each, void *userdata, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct alias_list list = { target, each, userdata };

	if (store_prepare(store,
			  target ? "SELECT " ALIAS_COLUMNS " FROM aliases"
				   " WHERE account = ? AND name > ? AND target = ? ORDER BY name"
				 : "SELECT " ALIAS_COLUMNS " FROM aliases"
				   " WHERE account = ? AND name > ? ORDER BY name",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, account);
	store_bind_text(statement, 2, after);
	if (target)
		store_bind_text(statement, 3, target);
	return row_list(store, statement, list_alias, &list, f);
}
