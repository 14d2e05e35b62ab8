// SPDX-License-Identifier: MIT
/*
 * The database itself: opening it, proving that the root key is the right one, sealed rows.
 *
 * Must never create a new database key when an old database is there.
 */

#include "kms/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "kms/store/store_row.h"

/*
 * secure_delete overwrites what a deleted row held. The rollback journal holds sealed pages until
 * its end, so it is truncated, not kept.
 */
static const char schema[] =
	"PRAGMA journal_mode=TRUNCATE;"
	"PRAGMA synchronous=FULL;"
	"PRAGMA secure_delete=ON;"
	"PRAGMA foreign_keys=ON;"
	"PRAGMA trusted_schema=OFF;"
	"CREATE TABLE IF NOT EXISTS store (id INTEGER PRIMARY KEY CHECK (id = 1),"
	" record TEXT NOT NULL, seal BLOB NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS keys (key_id TEXT PRIMARY KEY, account TEXT NOT NULL,"
	" record TEXT NOT NULL, seal BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS aliases (account TEXT NOT NULL, name TEXT NOT NULL,"
	" target TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,"
	" record TEXT NOT NULL, seal BLOB NOT NULL, PRIMARY KEY (account, name))"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS aliases_by_target ON aliases (target);";

void statement_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

int store_fault(struct store *store, const char *doing, struct fault *f)
{
	return fault_set(f, "KMSInternalException", "key store: cannot %s: %s", doing,
			 sqlite3_errmsg(store->db));
}

int store_prepare(struct store *store, const char *sql, sqlite3_stmt **statement, struct fault *f)
{
	if (sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) != SQLITE_OK)
		return store_fault(store, "prepare a statement", f);
	return 0;
}

void store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

int row_bind(struct store *store, sqlite3_stmt *statement, int index, struct json_object *record,
	     const struct secret *material, struct fault *f)
{
	const char *text = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN);
	struct crypto_bytes aad = { (const uint8_t *)text, text ? strlen(text) : 0 };
	struct crypto_bytes plain = { material ? material->bytes : NULL,
				      material ? material->size : 0 };
	uint8_t *seal = malloc(plain.size + CRYPTO_SEAL_BYTES);

	if (!text || !seal || crypto_seal(store->root, aad, plain, seal)) {
		free(seal);
		return fault_set(f, "KMSInternalException", "cannot seal a record");
	}
	sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
	sqlite3_bind_blob(statement, index + 1, seal, (int)(plain.size + CRYPTO_SEAL_BYTES), free);
	return 0;
}

int row_read(struct store *store, sqlite3_stmt *statement, int column, struct json_object **record,
	     size_t material_size, struct secret **material, struct fault *f)
{
	struct crypto_bytes aad = { sqlite3_column_text(statement, column),
				    (size_t)sqlite3_column_bytes(statement, column) };
	struct crypto_bytes seal = { sqlite3_column_blob(statement, column + 1),
				     (size_t)sqlite3_column_bytes(statement, column + 1) };
	_cleanup_secret_ struct secret *opened = NULL;
	int err;

	if (!aad.bytes || !seal.bytes || seal.size != material_size + CRYPTO_SEAL_BYTES)
		goto err_damaged;
	if (material_size > 0) {
		opened = secret_new(material_size);
		if (!opened)
			return fault_set(f, "KMSInternalException",
					 "no locked memory: raise LimitMEMLOCK");
	}
	err = crypto_open(store->root, aad, seal, opened ? opened->bytes : NULL);
	if (err == -EBADMSG)
		goto err_damaged;
	/* What was sealed is JSON: if that cannot be read the fault is not the row's either. */
	*record = err ? NULL : json_parse((const char *)aad.bytes, aad.size);
	if (!*record)
		return fault_set(f, "KMSInternalException",
				 "cannot check a record of the key store, which need not be at fault: out of memory, or OpenSSL has no AES-256-GCM (openssl list -providers)?");
	if (material) {
		*material = opened;
		opened = NULL;
	}
	return 0;

err_damaged:
	fault_set(f, "KMSInternalException",
		  "a record of the key store was altered or is damaged: restore it from a backup");
	return -EBADMSG;
}

/* The one row of table "store": its seal tells whether the root key belongs to this database. */
static int write_check(struct store *store, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = json_object_new_object();

	json_add_string(record, "Record", "store");
	json_add_int(record, "Version", 1);
	if (store_prepare(store, "INSERT INTO store VALUES (1, ?, ?)", &statement, f) ||
	    row_bind(store, statement, 1, record, NULL, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "write", f);
	return 0;
}

static int check_root_key(struct store *store, const char *path, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = NULL;
	int err;

	if (store_prepare(store, "SELECT record, seal FROM store WHERE id = 1", &statement, f))
		return -1;
	switch (sqlite3_step(statement)) {
	case SQLITE_DONE:
		return write_check(store, f);
	case SQLITE_ROW:
		break;
	default:
		return store_fault(store, "read", f);
	}
	err = row_read(store, statement, 0, &record, 0, NULL, f);
	if (err == -EBADMSG)
		return fault_set(f, "InvalidConfiguration",
				 "the root key does not open %s: give the root key that the database was made with",
				 path);
	if (err)
		return -1;
	if (json_get_int(record, "Version", 0) != 1)
		return fault_set(f, "InvalidConfiguration", "%s was written by a newer version",
				 path);
	return 0;
}

int store_open(const char *directory, const struct secret *root, bool create, struct store **ret,
	       struct fault *f)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW;
	struct store *store;
	char path[4096];
	mode_t mask;
	int err;

	snprintf(path, sizeof(path), "%s/kms.sqlite", directory);
	if (create)
		flags |= SQLITE_OPEN_CREATE;
	else if (access(path, F_OK))
		return fault_set(f, "InvalidConfiguration",
				 "the key store %s is missing: mount or restore it, or begin an empty one with envelope-kms --init --new-store",
				 path);
	store = calloc(1, sizeof(*store));
	if (!store)
		return fault_set(f, "InternalFailure", "out of memory");
	store->root = root;
	mask = umask(077);
	err = sqlite3_open_v2(path, &store->db, flags, NULL);
	if (!err)
		err = sqlite3_exec(store->db, schema, NULL, NULL, NULL);
	umask(mask);
	if (err) {
		fault_set(f, "InvalidConfiguration", "cannot open key store %s: %s", path,
			  sqlite3_errmsg(store->db));
		goto err_close;
	}
	if (check_root_key(store, path, f))
		goto err_close;
	*ret = store;
	return 0;

err_close:
	store_close(store);
	return -1;
}

int store_begin(struct store *store, struct fault *f)
{
	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return store_fault(store, "begin a change", f);
	return 0;
}

int store_commit(struct store *store, struct fault *f)
{
	if (sqlite3_get_autocommit(store->db) ||
	    sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	store_fault(store, "commit a change", f);
	store_rollback(store);
	return -1;
}

void store_rollback(struct store *store)
{
	/* There is none if none was begun, or if sqlite had to undo it by itself. */
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	sqlite3_close(store->db);
	free(store);
}
