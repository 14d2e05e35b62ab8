// SPDX-License-Identifier: MIT
/*
 * Aliases in the store.
 *
 * Must never trust a column beside the sealed record: columns only find and order rows.
 */
#include <errno.h>
#include <string.h>

#include "lib/base/json.h"
#include "kms/store/store.h"
#include "kms/store/store_row.h"

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

static int take(struct json_object *record, const char *key, char *field, size_t size)
{
	const char *value = json_get_string(record, key);

	if (!value || strlen(value) >= size)
		return -1;
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

/* Columns: account, name, record, seal. */
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
	if (!kind || strcmp(kind, "alias") != 0 ||
	    take(record, "Name", alias->name, sizeof(alias->name)) ||
	    take(record, "Account", alias->account, sizeof(alias->account)) ||
	    take(record, "Region", alias->region, sizeof(alias->region)) ||
	    take(record, "Target", alias->target, sizeof(alias->target)) ||
	    strcmp(alias->name, name) != 0 || strcmp(alias->account, account) != 0)
		return fault_set(f, "KMSInternalException",
				 "the record of %s was swapped: restore the key store from a backup",
				 name);
	alias->created = json_get_int(record, "Created", 0);
	alias->updated = json_get_int(record, "Updated", 0);
	return 0;
}

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

int store_get_alias(struct store *store, const char *account, const char *name, struct alias *alias,
		    struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store,
			  "SELECT account, name, record, seal FROM aliases"
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

int store_list_aliases(struct store *store, const char *account, const char *after,
		       store_alias_t each, void *userdata, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step = SQLITE_DONE, ret = 0;

	if (store_prepare(store,
			  "SELECT account, name, record, seal FROM aliases"
			  " WHERE account = ? AND name > ? ORDER BY name",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, account);
	store_bind_text(statement, 2, after);
	while (ret == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		struct alias alias;

		if (read_alias(store, statement, &alias, f))
			return -1;
		ret = each(&alias, userdata);
	}
	if (ret == 0 && step != SQLITE_DONE)
		return store_fault(store, "list aliases", f);
	return 0;
}
