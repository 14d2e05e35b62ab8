// SPDX-License-Identifier: MIT
/*
 * The version, the id and the clock of a database, sealed in the one row of table "store", and the step from
 * each version to the next. A new database takes the same steps.
 *
 * Must never leave a database between two versions: all steps are one transaction.
 */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "kms/store/store.h"
#include "kms/store/store_clock.h"
#include "kms/store/store_row.h"
#include "lib/base/json.h"

#define VERSION 2 /* 2: keys.deletion */

static int run(struct store *store, const char *sql, struct fault *f)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_fault(store, "upgrade the database", f);
	return 0;
}

/* A damaged row keeps the hint 0: it cannot be destroyed anyway. */
static int fill_hints(struct store *store, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step, r;

	if (store_prepare(store, "SELECT " KEY_COLUMNS " FROM keys ORDER BY key_id", &statement, f))
		return -1;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		_cleanup_cmk_ struct cmk cmk = { 0 };

		r = key_row_read(store, statement, &cmk, NULL, f);
		if (r == -EBADMSG)
			continue;
		if (r || (key_hint(&cmk) && key_set_hint(store, &cmk, f)))
			return -1;
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "read the keys", f);
}

static int add_hints(struct store *store, struct fault *f)
{
	if (run(store, "ALTER TABLE keys ADD COLUMN deletion INTEGER NOT NULL DEFAULT 0", f) ||
	    fill_hints(store, f))
		return -1;
	return run(store, "CREATE INDEX keys_by_deletion ON keys (deletion) WHERE deletion > 0", f);
}

/* Stores of older versions have no id. */
static int make_id(struct store *store, struct fault *f)
{
	sd_id128_t id;

	if (store->id[0])
		return 0;
	if (sd_id128_randomize(&id))
		return fault_set(f, "KMSInternalException",
				 "The kernel gave no random bytes for the id of the key store. Start again.");
	sd_id128_to_uuid_string(id, store->id);
	return 0;
}

static int write_record(struct store *store, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = json_object_new_object();

	json_add_string(record, "Record", "store");
	json_add_int(record, "Version", VERSION);
	json_add_string(record, "Id", store->id);
	store_clock_store(store, record);
	if (store_prepare(store, "INSERT OR REPLACE INTO store VALUES (1, ?, ?)", &statement, f) ||
	    row_bind(store, statement, 1, record, NULL, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "write its version", f);
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
	return write_record(store, f);
}

static int upgrade(struct store *store, int64_t version, struct fault *f)
{
	if (store_begin(store, f))
		return -1;
	if ((version < 2 && add_hints(store, f)) || make_id(store, f) || write_record(store, f)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, f);
}

/**
 * store_read_version() - prove that the root key is the database's, and that its version is known
 * @path: of the database, for faults
 * @version: set; 0 for a new database
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int store_read_version(struct store *store, const char *path, int64_t *version, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = NULL;
	const char *id;
	int r;

	*version = 0;
	store_clock_load(store, NULL);
	if (store_prepare(store, "SELECT record, seal FROM store WHERE id = 1", &statement, f))
		return -1;
	switch (sqlite3_step(statement)) {
	case SQLITE_DONE:
		return 0;
	case SQLITE_ROW:
		break;
	default:
		return store_fault(store, "read its version", f);
	}
	r = row_read(store, statement, 0, &record, 0, NULL, f);
	if (r == -EBADMSG)
		return fault_set(f, "InvalidConfiguration",
				 "The root key does not open %s. Give the root key that the database was made with.",
				 path);
	if (r)
		return -1;
	*version = json_get_int(record, "Version", 0);
	id = json_get_string(record, "Id");
	store_clock_load(store, record);
	snprintf(store->id, sizeof(store->id), "%s", id ? id : "");
	if (*version < 1 || *version > VERSION)
		return fault_set(f, "InvalidConfiguration",
				 "%s was written by a newer version. Install that version.", path);
	return 0;
}

/**
 * store_upgrade() - prove that the root key is the database's, then bring it to this version
 * @path: of the database, for faults
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int store_upgrade(struct store *store, const char *path, struct fault *f)
{
	int64_t version;

	if (store_read_version(store, path, &version, f))
		return -1;
	return version == VERSION && store->id[0] ? 0 : upgrade(store, version, f);
}
