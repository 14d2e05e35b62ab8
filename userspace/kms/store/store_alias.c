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
#include "kms/store/store_set.h"
#include "lib/base/json.h"

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

static int swapped(const char *name, struct fault *f)
{
	fault_set(f, "KMSInternalException",
		  "The record of %s was swapped. Restore the key store from a backup.", name);
	return -EBADMSG;
}

/**
 * alias_row_open() - open an alias in the current row, whose columns are ALIAS_COLUMNS
 *
 * The row may be an old one.
 *
 * Return: as row_read().
 */
int alias_row_open(struct store *store, sqlite3_stmt *statement, struct alias *alias,
		   struct fault *f)
{
	const char *region = (const char *)sqlite3_column_text(statement, 0);
	const char *account = (const char *)sqlite3_column_text(statement, 1);
	const char *name = (const char *)sqlite3_column_text(statement, 2);
	_cleanup_json_ struct json_object *record = NULL;
	const char *kind;
	int r = row_read(store, statement, 3, &record, 0, NULL, f);

	if (r)
		return r;
	memset(alias, 0, sizeof(*alias));
	kind = json_get_string(record, "Record");
	if (!kind || strcmp(kind, "alias") ||
	    json_copy_string(record, "Name", alias->name, sizeof(alias->name)) ||
	    json_copy_string(record, "Account", alias->account, sizeof(alias->account)) ||
	    json_copy_string(record, "Region", alias->region, sizeof(alias->region)) ||
	    json_copy_string(record, "Target", alias->target, sizeof(alias->target)) ||
	    strcmp(alias->name, name) || strcmp(alias->account, account) ||
	    strcmp(alias->region, region))
		return swapped(name, f);
	alias->created = json_get_int(record, "Created", 0);
	alias->updated = json_get_int(record, "Updated", 0);
	return 0;
}

/* As alias_row_open(), and the row must be the one that the set names. */
static int read_alias(struct store *store, sqlite3_stmt *statement, struct alias *alias,
		      struct fault *f)
{
	char name[SET_NAME_MAX];
	int r = alias_row_open(store, statement, alias, f);

	if (r)
		return r;
	set_alias_name(store, alias->region, alias->account, alias->name, name);
	return set_check_row(store, name, statement, 4, f);
}

/* Writes the row of @alias with @sql, whose last three parameters are target, record and seal. */
static int write_alias(struct store *store, const struct alias *alias, const char *sql,
		       struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = alias_record(alias);
	char name[SET_NAME_MAX];
	sd_id128_t tag;

	if (store_prepare(store, sql, &statement, f))
		return -1;
	store_bind_text(statement, 1, alias->region);
	store_bind_text(statement, 2, alias->account);
	store_bind_text(statement, 3, alias->name);
	store_bind_text(statement, 4, alias->target);
	if (row_bind(store, statement, 5, record, NULL, &tag, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "write an alias", f);
	set_alias_name(store, alias->region, alias->account, alias->name, name);
	return set_put(store, name, &tag, f);
}

/* As write_alias(), as a change of its own unless one is under way. */
static int keep_alias(struct store *store, const struct alias *alias, const char *sql,
		      struct fault *f)
{
	bool own;

	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, write_alias(store, alias, sql, f), f);
}

/* @tag: set to the tag of the seal of its row. Return: 0, -ENOENT when its absence is proved, or -1 */
static int find(struct store *store, const char *region, const char *account, const char *alias,
		sd_id128_t *tag, struct fault *f)
{
	char name[SET_NAME_MAX];
	int r;

	set_alias_name(store, region, account, alias, name);
	r = set_find(store, name, tag, f);
	return r == -EBADMSG ? -1 : r;
}

/** store_add_alias() - insert; Return: 0, -EEXIST with @f untouched, or -1 */
int store_add_alias(struct store *store, const struct alias *alias, struct fault *f)
{
	sd_id128_t tag;
	int r = find(store, alias->region, alias->account, alias->name, &tag, f);

	if (r != -ENOENT)
		return r ? -1 : -EEXIST;
	return keep_alias(store, alias,
			  "INSERT INTO aliases (region, account, name, target, record, seal)"
			  " VALUES (?, ?, ?, ?, ?, ?)",
			  f);
}

/** store_get_alias() - read; Return: 0, -ENOENT with @f untouched when its absence is proved, or -1 */
int store_get_alias(struct store *store, const char *region, const char *account, const char *name,
		    struct alias *alias, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	char entry[SET_NAME_MAX];
	sd_id128_t tag;
	int r = find(store, region, account, name, &tag, f);

	if (r)
		return r;
	if (store_prepare(store,
			  "SELECT " ALIAS_COLUMNS " FROM aliases"
			  " WHERE region = ? AND account = ? AND name = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, region);
	store_bind_text(statement, 2, account);
	store_bind_text(statement, 3, name);
	if (row_step(store, statement, name, "read an alias", f) ||
	    alias_row_open(store, statement, alias, f))
		return -1;
	set_alias_name(store, region, account, name, entry);
	return set_compare_row(entry, &tag, statement, 4, f) ? -1 : 0;
}

/** store_update_alias() - point an existing alias elsewhere; Return: 0 or -1 */
int store_update_alias(struct store *store, const struct alias *alias, struct fault *f)
{
	return keep_alias(store, alias,
			  "UPDATE aliases SET target = ?4, record = ?5, seal = ?6"
			  " WHERE region = ?1 AND account = ?2 AND name = ?3",
			  f);
}

static int drop_alias(struct store *store, const char *region, const char *account,
		      const char *alias, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	char name[SET_NAME_MAX];

	if (store_prepare(store,
			  "DELETE FROM aliases WHERE region = ? AND account = ? AND name = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, region);
	store_bind_text(statement, 2, account);
	store_bind_text(statement, 3, alias);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "delete an alias", f);
	set_alias_name(store, region, account, alias, name);
	return set_drop(store, name, f);
}

/**
 * store_delete_alias() - delete, also if the row of the alias is damaged
 *
 * Return: 0, -ENOENT with @f untouched, or -1.
 */
int store_delete_alias(struct store *store, const char *region, const char *account,
		       const char *name, struct fault *f)
{
	sd_id128_t tag;
	int r = find(store, region, account, name, &tag, f);
	bool own;

	if (r)
		return r;
	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, drop_alias(store, region, account, name, f), f);
}

/**
 * alias_drop_target() - delete the aliases of a key that is destroyed; in a change
 *
 * An alias whose record does not open, or names another key, stays in the set: its name is not free.
 *
 * Return: 0 or -1.
 */
int alias_drop_target(struct store *store, const char *key_id, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step, r;

	if (store_prepare(store, "SELECT " ALIAS_COLUMNS " FROM aliases WHERE target = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, key_id);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		struct alias alias;

		r = read_alias(store, statement, &alias, f);
		if (r == -EBADMSG || (!r && strcmp(alias.target, key_id)))
			continue;
		if (r || drop_alias(store, alias.region, alias.account, alias.name, f))
			return -1;
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "read the aliases", f);
}

/** store_count_aliases() - how many aliases has a key? For its quota; Return: 0 or -1 */
int store_count_aliases(struct store *store, const char *target, int64_t *count, struct fault *f)
{
	return row_number(store, "SELECT count(*) FROM aliases WHERE target = ?", target,
			  "count the aliases", count, f);
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
int store_list_aliases(struct store *store, const char *region, const char *account,
		       const char *target, const char *after, store_alias_t each, void *userdata,
		       struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct alias_list list = { target, each, userdata };

	if (set_count_rows(store, f))
		return -1;
	if (store_prepare(store,
			  target ? "SELECT " ALIAS_COLUMNS " FROM aliases"
				   " WHERE region = ? AND account = ? AND name > ? AND target = ?"
				   " ORDER BY name"
				 : "SELECT " ALIAS_COLUMNS " FROM aliases"
				   " WHERE region = ? AND account = ? AND name > ? ORDER BY name",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, region);
	store_bind_text(statement, 2, account);
	store_bind_text(statement, 3, after);
	if (target)
		store_bind_text(statement, 4, target);
	return row_list(store, statement, list_alias, &list, f);
}
