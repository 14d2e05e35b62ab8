// SPDX-License-Identifier: MIT
/*
 * The head of the store, sealed in the one row of table "store": version, id, clock, number of the last
 * change, and the set of all rows.
 *
 * Must never take a database without a head for a new one.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "kms/store/store_clock.h"
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "lib/base/json.h"

static void add_tag(struct json_object *record, const char *name, sd_id128_t tag)
{
	char text[SD_ID128_STRING_MAX];

	json_add_string(record, name, sd_id128_to_string(tag, text));
}

/** store_write_head() - seal the head anew; in a change; Return: 0 or -1 */
int store_write_head(struct store *store, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = json_object_new_object();

	json_add_string(record, "Record", "store");
	json_add_int(record, "Version", STORE_VERSION);
	json_add_string(record, "Id", store->id);
	json_add_string(record, "Region", store->region);
	store_clock_store(store, record);
	json_add_int(record, "Change", store->head.change);
	json_add_int(record, "SetChange", store->head.set_change);
	json_add_int(record, "Keys", store->head.keys);
	json_add_int(record, "Aliases", store->head.aliases);
	json_add_int(record, "Grants", store->head.grants);
	json_add_int(record, "Users", store->head.users);
	json_add_bool(record, "AllDue", store->all_due);
	json_add_int(record, "UsageSince", store->usage_since);
	add_tag(record, "Set", store->head.set);
	if (store->event[0])
		json_add_string(record, "Event", store->event);
	if (store->sequence)
		json_add_int(record, "EventSequence", store->sequence);
	store->head.after = store->counter.head;
	add_tag(record, "After", store->head.after);
	if (store_prepare(store, "INSERT OR REPLACE INTO store VALUES (1, ?, ?)", &statement, f) ||
	    row_bind(store, statement, 1, record, NULL, &store->head.tag, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "write its head", f);
	return 0;
}

/**
 * store_save_clock() - keep what the store's clock has counted
 *
 * What is not kept when the host goes down makes waiting periods longer.
 *
 * Return: 0 or -1.
 */
int store_save_clock(struct store *store, struct fault *f)
{
	bool own;

	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, store_write_head(store, f), f);
}

static int take(struct store *store, struct json_object *record, const char *path, int64_t *version,
		struct fault *f)
{
	const char *id = json_get_string(record, "Id");
	const char *set = json_get_string(record, "Set");
	const char *after = json_get_string(record, "After");

	*version = json_get_int(record, "Version", 0);
	snprintf(store->id, sizeof(store->id), "%s", id ? id : "");
	if (json_copy_string(record, "Region", store->region, sizeof(store->region)))
		store->region[0] = '\0';
	store_clock_load(store, record);
	store->head.change = json_get_int(record, "Change", 0);
	store->head.set_change = json_get_int(record, "SetChange", store->head.change);
	if (json_copy_string(record, "Event", store->event, sizeof(store->event)))
		store->event[0] = '\0';
	store->sequence = json_get_int(record, "EventSequence", 0);
	store->all_due = json_get_bool(record, "AllDue", false);
	store->usage_since = json_get_int(record, "UsageSince", store->usage_since);
	store->head.keys = json_get_int(record, "Keys", 0);
	store->head.aliases = json_get_int(record, "Aliases", 0);
	store->head.grants = json_get_int(record, "Grants", 0);
	store->head.users = json_get_int(record, "Users", 0);
	if (*version < 1 || *version > STORE_VERSION)
		return fault_set(f, "InvalidConfiguration",
				 "%s was written by a newer version. Install that version.", path);
	if (*version >= STORE_VERSION_SET &&
	    (!set || sd_id128_from_string(set, &store->head.set) < 0))
		return fault_set(f, "InvalidConfiguration",
				 "The head of the key store %s has no set of keys. Restore it from a backup.",
				 path);
	if (after)
		sd_id128_from_string(after, &store->head.after);
	return 0;
}

/** store_headless() - InvalidConfiguration for a database without a head; Return: -1 */
int store_headless(const char *path, struct fault *f)
{
	return fault_set(f, "InvalidConfiguration",
			 "The key store %s has lost its head, so no key is known to be absent. Restore it from a backup, or move it away and begin an empty one with envelope-kms --init --new-store.",
			 path);
}

/* Return: 1 if the database has tables, 0 if it has none, or -1 */
static int has_tables(struct store *store, struct fault *f)
{
	int64_t tables;

	if (row_number(store, "SELECT count(*) FROM sqlite_schema", NULL, "read its tables",
		       &tables, f))
		return -1;
	return tables > 0;
}

/**
 * store_read_head() - prove that the root key is the database's, and that its version is known
 * @path: of the database, for faults
 * @version: set; 0 for a database without any table
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int store_read_head(struct store *store, const char *path, int64_t *version, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = NULL;
	int r = has_tables(store, f);

	*version = 0;
	store_clock_load(store, NULL);
	store->usage_since = time(NULL);
	if (r <= 0)
		return r;
	/* Without the table the statement cannot be prepared. */
	if (store_prepare(store, "SELECT record, seal FROM store WHERE id = 1", &statement, f))
		return sqlite3_errcode(store->db) == SQLITE_ERROR ? store_headless(path, f) : -1;
	switch (sqlite3_step(statement)) {
	case SQLITE_DONE:
		return store_headless(path, f);
	case SQLITE_ROW:
		break;
	default:
		return store_fault(store, "read its head", f);
	}
	r = row_read(store, statement, 0, &record, 0, NULL, f);
	if (r == -EBADMSG)
		return fault_set(f, "InvalidConfiguration",
				 "The root key does not open %s. Give the root key that the database was made with.",
				 path);
	row_tag(statement, 1, &store->head.tag);
	return r ? -1 : take(store, record, path, version, f);
}

/**
 * store_check_set() - is the set of rows there that the head names?
 * @path: of the database, for faults
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int store_check_set(struct store *store, const char *path, struct fault *f)
{
	int r = set_check(store, f);

	if (r != -EBADMSG)
		return r;
	return fault_set(f, "InvalidConfiguration",
			 "The key store %s has lost the set of its keys, so no key is known to be absent. Restore it from a backup.",
			 path);
}
