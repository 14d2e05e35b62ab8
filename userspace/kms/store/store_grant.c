// SPDX-License-Identifier: MIT
/*
 * Grants in the store. The set has each grant by its id and in each of its groups, so that a grant that
 * may allow a request is found, or its absence proved, among all others.
 *
 * Must never trust a column beside the sealed record: columns only find and order rows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/grants/grant_groups.h"
#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "lib/base/json.h"

/* Columns that grant_row_open() expects. */
#define GRANT_COLUMNS "grant_id, record, seal"
#define SEAL_COLUMN   2

static int swapped(const char *grant_id, struct fault *f)
{
	fault_set(f, "KMSInternalException",
		  "The record of grant %s was swapped. Restore the key store from a backup.",
		  grant_id);
	return -EBADMSG;
}

/* Opens the grant in the current row, which may be an old one. Return: as row_read() */
static int grant_row_open(struct store *store, sqlite3_stmt *statement, struct grant *grant,
			  struct fault *f)
{
	const char *grant_id = (const char *)sqlite3_column_text(statement, 0);
	_cleanup_json_ struct json_object *record = NULL;
	int r = row_read(store, statement, 1, &record, 0, NULL, f);

	if (r)
		return r;
	if (!grant_from_record(record, grant) && !strcmp(grant->id, grant_id) &&
	    strlen(grant_id) == (size_t)sqlite3_column_bytes(statement, 0))
		return 0;
	grant_free(grant);
	return swapped(grant_id, f);
}

/* As grant_row_open(), and the row must be the one that the set names. */
static int grant_row_read(struct store *store, sqlite3_stmt *statement, struct grant *grant,
			  struct fault *f)
{
	char name[SET_NAME_MAX];
	int r = grant_row_open(store, statement, grant, f);

	if (r)
		return r;
	set_grant_name(grant->id, name);
	r = set_check_row(store, name, statement, SEAL_COLUMN, f);
	if (r)
		grant_free(grant);
	return r;
}

/* Reads the grant whose seal has @tag; NULL: any seal. Return: 0, -EBADMSG, or -1 */
static int read_known(struct store *store, const char *grant_id, const sd_id128_t *tag,
		      struct grant *grant, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	char name[SET_NAME_MAX];
	int r;

	if (store_prepare(store, "SELECT " GRANT_COLUMNS " FROM grants WHERE grant_id = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, grant_id);
	snprintf(name, sizeof(name), "grant %s", grant_id);
	r = row_step(store, statement, name, "read a grant", f);
	if (!r)
		r = grant_row_open(store, statement, grant, f);
	if (r || !tag)
		return r;
	set_grant_name(grant_id, name);
	r = set_compare_row(name, tag, statement, SEAL_COLUMN, f);
	if (r)
		grant_free(grant);
	return r;
}

/*
 * Takes @name out of the set. A node that is damaged keeps the name, whose row is deleted: a decision
 * that meets the name finds that the row is missing, and allows nothing.
 */
static int drop_name(struct store *store, const char *name, bool counted, struct fault *f)
{
	int r = set_drop(store, name, f);

	if (r != -EBADMSG)
		return r;
	if (counted)
		store->head.grants--;
	return 0;
}

/* Gives all names of @grant in the set the row with @tag; NULL takes them out of the set. */
static int change_names(struct store *store, const struct grant *grant, const sd_id128_t *tag,
			struct fault *f)
{
	struct grant_groups groups;
	char name[SET_NAME_MAX];

	if (grant_groups(grant, &groups))
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	set_grant_name(grant->id, name);
	if (tag ? set_put(store, name, tag, f) : drop_name(store, name, true, f))
		return -1;
	for (size_t i = 0; i < groups.count; i++) {
		set_member_name(groups.list[i], grant->id, name);
		if (tag ? set_put(store, name, tag, f) : drop_name(store, name, false, f))
			return -1;
	}
	return 0;
}

static int insert(struct store *store, const struct grant *grant, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = grant_record(grant);
	sd_id128_t tag;

	if (store_prepare(store,
			  "INSERT INTO grants (grant_id, key_id, grantee, retiring, record, seal)"
			  " VALUES (?, ?, ?, ?, ?, ?)",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, grant->id);
	store_bind_text(statement, 2, grant->key_id);
	store_bind_text(statement, 3, grant->grantee);
	store_bind_text(statement, 4, grant->retiring);
	if (row_bind(store, statement, 5, record, NULL, &tag, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "add a grant", f);
	return change_names(store, grant, &tag, f);
}

/** store_add_grant() - insert; Return: 0 or -1 */
int store_add_grant(struct store *store, const struct grant *grant, struct fault *f)
{
	bool own;

	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, insert(store, grant, f), f);
}

/**
 * store_get_grant() - read
 * @grant: filled; grant_free()
 *
 * Return: 0, -ENOENT with @f untouched when its absence is proved, or -1.
 */
int store_get_grant(struct store *store, const char *grant_id, struct grant *grant, struct fault *f)
{
	char name[SET_NAME_MAX];
	sd_id128_t tag;
	int r;

	set_grant_name(grant_id, name);
	r = set_find(store, name, &tag, f);
	if (r)
		return r == -ENOENT ? r : -1;
	return read_known(store, grant_id, &tag, grant, f) ? -1 : 0;
}

/**
 * store_get_grant_to_end() - as store_get_grant(), of a grant that is to be deleted
 *
 * Damage to the set keeps no grant from its end: a decision may find the grant in a group all the same.
 * The seal of the row proves which key the grant is of.
 */
int store_get_grant_to_end(struct store *store, const char *grant_id, struct grant *grant,
			   struct fault *f)
{
	char name[SET_NAME_MAX];
	sd_id128_t tag;
	int r;

	set_grant_name(grant_id, name);
	r = set_find(store, name, &tag, f);
	if (r && r != -EBADMSG)
		return r;
	return read_known(store, grant_id, r ? NULL : &tag, grant, f) ? -1 : 0;
}

static int drop(struct store *store, const struct grant *grant, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "DELETE FROM grants WHERE grant_id = ?", &statement, f))
		return -1;
	store_bind_text(statement, 1, grant->id);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "delete a grant", f);
	return change_names(store, grant, NULL, f);
}

/** store_delete_grant() - delete a grant that was read; Return: 0 or -1 */
int store_delete_grant(struct store *store, const struct grant *grant, struct fault *f)
{
	bool own;

	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, drop(store, grant, f), f);
}

/*
 * Deletes the current row, whose record does not open, so that its grant cannot be known. The column may
 * name a grant of another key, so the set keeps the name. Its count is that of the rows again.
 */
static int drop_damaged(struct store *store, sqlite3_stmt *statement, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *deletion = NULL;
	char name[SET_NAME_MAX];
	sd_id128_t tag;
	int r;

	if (store_prepare(store, "DELETE FROM grants WHERE grant_id = ?", &deletion, f))
		return -1;
	sqlite3_bind_value(deletion, 1, sqlite3_column_value(statement, 0));
	if (sqlite3_step(deletion) != SQLITE_DONE)
		return store_fault(store, "delete a grant", f);
	set_grant_name((const char *)sqlite3_column_text(statement, 0), name);
	r = set_find(store, name, &tag, f);
	if (r == -1)
		return -1;
	store->head.grants -= r == -ENOENT ? 0 : 1;
	return 0;
}

/* Writes the record of @grant, which had the names of @before in the set. */
static int rewrite(struct store *store, const struct grant *grant, const struct grant *before,
		   struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = grant_record(grant);
	sd_id128_t tag;

	if (change_names(store, before, NULL, f) ||
	    store_prepare(store, "UPDATE grants SET record = ?2, seal = ?3 WHERE grant_id = ?1",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, grant->id);
	if (row_bind(store, statement, 2, record, NULL, &tag, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "write a grant", f);
	return change_names(store, grant, &tag, f);
}

/**
 * grant_bind_user() - bind the grants that name @user, for the upgrade; in a change
 *
 * A damaged row is left as it is.
 *
 * Return: 0 or -1.
 */
int grant_bind_user(struct store *store, const struct bound_user *user, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step;

	if (store_prepare(store,
			  "SELECT " GRANT_COLUMNS
			  " FROM grants WHERE grantee = ?1 OR retiring = ?1",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, user->arn);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		_cleanup_grant_ struct grant before = { 0 };
		struct grant grant;
		int r = grant_row_read(store, statement, &before, f);

		if (r && r != -EBADMSG)
			return -1;
		if (r)
			continue;
		grant = before;
		if (!strcmp(grant.grantee, user->arn))
			strcpy(grant.grantee_id, user->id);
		if (!strcmp(grant.retiring, user->arn))
			strcpy(grant.retiring_id, user->id);
		if (rewrite(store, &grant, &before, f))
			return -1;
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "read the grants", f);
}

/** grant_has_key() - is there a row of a grant of the key? Return: 1, 0, or -1 */
int grant_has_key(struct store *store, const char *key_id, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step;

	if (store_prepare(store, "SELECT 1 FROM grants WHERE key_id = ? LIMIT 1", &statement, f))
		return -1;
	store_bind_text(statement, 1, key_id);
	step = sqlite3_step(statement);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return store_fault(store, "read the grants", f);
	return step == SQLITE_ROW;
}

/**
 * grant_drop_some() - delete grants of a key that is destroyed; in a change
 *
 * Return: their number, at most @most, or -1.
 */
int grant_drop_some(struct store *store, const char *key_id, int most, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step = SQLITE_ROW, dropped = 0, r;

	if (store_prepare(store,
			  "SELECT " GRANT_COLUMNS " FROM grants WHERE key_id = ? ORDER BY grant_id",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, key_id);
	while (dropped < most && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		_cleanup_grant_ struct grant grant = { 0 };

		r = grant_row_open(store, statement, &grant, f);
		if (!r && strcmp(grant.key_id, key_id))
			continue;
		if (r == -EBADMSG)
			r = drop_damaged(store, statement, f);
		else if (!r)
			r = drop(store, &grant, f);
		if (r)
			return -1;
		dropped++;
	}
	return step == SQLITE_ROW || step == SQLITE_DONE ? dropped
							 : store_fault(store, "read the grants", f);
}

/** store_count_grants() - how many grants has a key? For its quota; Return: 0 or -1 */
int store_count_grants(struct store *store, const char *key_id, int64_t *count, struct fault *f)
{
	return row_number(store, "SELECT count(*) FROM grants WHERE key_id = ?", key_id,
			  "count the grants", count, f);
}

struct grant_list {
	store_grant_t each;
	void *userdata;
	const struct grant_filter *filter; /* NULL for a group */
	bool damaged;			   /* a member of the group could not be read */
	struct fault why;		   /* of the first one */
};

static int take_member(struct store *store, const char *member, const sd_id128_t *tag,
		       void *userdata, struct fault *f)
{
	struct grant_list *list = userdata;
	_cleanup_grant_ struct grant grant = { 0 };
	struct fault why;

	(void)f;
	if (!read_known(store, member, tag, &grant, &why))
		return list->each(&grant, list->userdata);
	if (!list->damaged)
		list->why = why;
	list->damaged = true;
	return 0;
}

/**
 * store_find_grants() - hand each grant of @group to @each until it stops
 *
 * A grant that is missing or damaged does not keep the others from being found.
 *
 * Return: 0 when @each stopped, or when it is proved that the group has no other grant; else -1.
 */
int store_find_grants(struct store *store, const char *group, store_grant_t each, void *userdata,
		      struct fault *f)
{
	struct grant_list list = { .each = each, .userdata = userdata };
	int r = set_list_group(store, group, take_member, &list, f);

	if (r)
		return r > 0 ? 0 : -1;
	if (list.damaged)
		*f = list.why;
	return list.damaged ? -1 : 0;
}

struct group_count {
	size_t most, count;
};

static int count_member(struct store *store, const char *member, const sd_id128_t *tag,
			void *userdata, struct fault *f)
{
	struct group_count *count = userdata;

	(void)store, (void)member, (void)tag, (void)f;
	return ++count->count >= count->most;
}

/** store_count_group() - how many grants has @group, up to @most? No grant is read; Return: 0 or -1 */
int store_count_group(struct store *store, const char *group, size_t most, size_t *count,
		      struct fault *f)
{
	struct group_count counted = { .most = most };
	int r = set_list_group(store, group, count_member, &counted, f);

	*count = counted.count;
	return r < 0 ? -1 : 0;
}

static bool passes(const struct grant_filter *filter, const struct grant *grant)
{
	return (!filter->key_id || !strcmp(filter->key_id, grant->key_id)) &&
	       (!filter->grantee || !strcmp(filter->grantee, grant->grantee)) &&
	       (!filter->retiring || !strcmp(filter->retiring, grant->retiring)) &&
	       (!filter->region || !strcmp(filter->region, grant->region));
}

static int list_grant(struct store *store, sqlite3_stmt *statement, void *userdata, struct fault *f)
{
	const struct grant_list *list = userdata;
	_cleanup_grant_ struct grant grant = { 0 };

	if (grant_row_read(store, statement, &grant, f))
		return -1;
	/* The columns found the row; the record decides. */
	return passes(list->filter, &grant) ? list->each(&grant, list->userdata) : 0;
}

/** store_list_grants() - as store_list_keys(), in order of the id, those that @filter names */
int store_list_grants(struct store *store, const struct grant_filter *filter, const char *after,
		      store_grant_t each, void *userdata, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct grant_list list = { .each = each, .userdata = userdata, .filter = filter };

	if (set_count_rows(store, f))
		return -1;
	if (store_prepare(store,
			  filter->retiring
				  ? "SELECT " GRANT_COLUMNS " FROM grants WHERE retiring = ?1"
				    " AND retiring <> '' AND grant_id > ?3 ORDER BY grant_id"
			  : filter->grantee
				  ? "SELECT " GRANT_COLUMNS " FROM grants WHERE key_id = ?1"
				    " AND grantee = ?2 AND grant_id > ?3 ORDER BY grant_id"
				  : "SELECT " GRANT_COLUMNS " FROM grants WHERE key_id = ?1"
				    " AND grant_id > ?3 ORDER BY grant_id",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, filter->retiring ? filter->retiring : filter->key_id);
	store_bind_text(statement, 2, filter->grantee);
	store_bind_text(statement, 3, after);
	return row_list(store, statement, list_grant, &list, f);
}
