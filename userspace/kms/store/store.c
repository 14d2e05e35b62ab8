// SPDX-License-Identifier: MIT
/*
 * The database itself: opening it, transactions, sealed rows.
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

#include "kms/store/store_row.h"
#include "lib/base/json.h"

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

/** store_fault() - KMSInternalException with sqlite's message; Return: -1 */
int store_fault(struct store *store, const char *doing, struct fault *f)
{
	return fault_set(f, "KMSInternalException", "The key store cannot %s: %s. Check its disk.",
			 doing, sqlite3_errmsg(store->db));
}

/** store_prepare() - compile @sql; Return: 0 or -1 */
int store_prepare(struct store *store, const char *sql, sqlite3_stmt **statement, struct fault *f)
{
	if (sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) != SQLITE_OK)
		return store_fault(store, "prepare a statement", f);
	return 0;
}

/** store_bind_text() - bind a parameter that outlives the statement */
void store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

/**
 * row_bind() - seal @record with @material and bind both
 * @index: of the record parameter; the seal goes to @index + 1
 * @material: NULL for a record without secret
 *
 * Return: 0 or -1.
 */
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
		return fault_set(f, "KMSInternalException",
				 "A record of the key store cannot be sealed. Check that OpenSSL has AES-256-GCM: openssl list -providers.");
	}
	sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
	sqlite3_bind_blob(statement, index + 1, seal, (int)(plain.size + CRYPTO_SEAL_BYTES), free);
	return 0;
}

/**
 * row_read() - check the seal of the current row
 * @column: of the record; the seal is @column + 1
 * @record: set to the record; json_object_put()
 * @material_size: bytes of sealed material, 0 for a record without
 * @material: NULL, or set to the material
 *
 * Return: 0; -EBADMSG when the row is not what was sealed; -1 when the row could not be checked,
 * which says nothing about the row.
 */
int row_read(struct store *store, sqlite3_stmt *statement, int column, struct json_object **record,
	     size_t material_size, struct secret **material, struct fault *f)
{
	struct crypto_bytes aad = { sqlite3_column_text(statement, column),
				    (size_t)sqlite3_column_bytes(statement, column) };
	struct crypto_bytes seal = { sqlite3_column_blob(statement, column + 1),
				     (size_t)sqlite3_column_bytes(statement, column + 1) };
	_cleanup_secret_ struct secret *opened = NULL;
	int r;

	if (!aad.bytes || !seal.bytes || seal.size != material_size + CRYPTO_SEAL_BYTES)
		goto err_damaged;
	if (material_size > 0) {
		opened = secret_new(material_size);
		if (!opened)
			return fault_set(f, "KMSInternalException",
					 "Memory cannot be locked. Raise LimitMEMLOCK.");
	}
	r = crypto_open(store->root, aad, seal, opened ? opened->bytes : NULL);
	if (r == -EBADMSG)
		goto err_damaged;
	/* The seal was made over JSON, so a record that cannot be parsed is not damaged. */
	*record = r ? NULL : json_parse((const char *)aad.bytes, aad.size);
	if (!*record)
		return fault_set(f, "KMSInternalException",
				 "A record of the key store cannot be checked. The record need not be at fault: check memory, and that OpenSSL has AES-256-GCM (openssl list -providers).");
	if (material) {
		*material = opened;
		opened = NULL;
	}
	return 0;

err_damaged:
	fault_set(f, "KMSInternalException",
		  "A record of the key store was altered or is damaged. Restore the key store from a backup.");
	return -EBADMSG;
}

/**
 * row_list() - hand each row of @statement to @each until it stops
 *
 * Return: 0 or -1.
 */
int row_list(struct store *store, sqlite3_stmt *statement, row_each_t each, void *userdata,
	     struct fault *f)
{
	int step;

	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		int r = each(store, statement, userdata, f);

		if (r)
			return r < 0 ? -1 : 0;
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "list rows", f);
}

/**
 * store_find() - is there a database at @path?
 *
 * To sqlite a file of no size is an empty database.
 *
 * Return: 0 or -1.
 */
int store_find(const char *path, struct fault *f)
{
	struct stat st;

	if (!stat(path, &st) && st.st_size > 0)
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "The key store %s is missing or an empty file. Mount or restore it, or begin an empty one with envelope-kms --init --new-store.",
			 path);
}

/**
 * store_open() - open the database, and bring it to this version
 * @directory: of kms.sqlite, must exist
 * @root: CRYPTO_KEY_BYTES; must outlive the store
 * @create: make the database if it is missing. Only with a new root key or at the operator's
 *	request: an empty store in place of a lost one would answer NotFoundException for each key,
 *	and that ends clusters for good.
 * @f: InvalidConfiguration when the root key is not this database's
 *
 * Return: 0 or -1.
 */
int store_open(const char *directory, const struct secret *root, bool create, struct store **out,
	       struct fault *f)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW;
	struct store *store;
	char path[4096];
	mode_t mask;
	int r;

	snprintf(path, sizeof(path), "%s/kms.sqlite", directory);
	if (create)
		flags |= SQLITE_OPEN_CREATE;
	else if (store_find(path, f))
		return -1;
	store = calloc(1, sizeof(*store));
	if (!store)
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	store->root = root;
	mask = umask(077);
	r = sqlite3_open_v2(path, &store->db, flags, NULL);
	sqlite3_busy_timeout(store->db, STORE_BUSY_MSEC);
	if (!r)
		r = sqlite3_exec(store->db, schema, NULL, NULL, NULL);
	umask(mask);
	if (r) {
		fault_set(f, "InvalidConfiguration",
			  "The key store %s cannot be opened: %s. Check the path and its permissions.",
			  path, sqlite3_errmsg(store->db));
		goto err_close;
	}
	if (store_upgrade(store, path, f))
		goto err_close;
	*out = store;
	return 0;

err_close:
	store_close(store);
	return -1;
}

/**
 * store_id() - the random id of the store, made with the store
 *
 * A copy of the store, such as one that was restored from a backup, has the same id.
 */
const char *store_id(const struct store *store)
{
	return store->id;
}

/**
 * store_prove() - the proof that an answer comes from this store
 * @answer: without its @id
 *
 * The store's root key and its id make the key of the proof. A copy of the store proves the same.
 *
 * Return: 0 or -1.
 */
int store_prove(const struct store *store, const struct kms_answer *answer,
		char proof[KMS_PROOF_MAX])
{
	struct crypto_bytes salt = { (const uint8_t *)store->id, strlen(store->id) };
	_cleanup_secret_ struct secret *seed = crypto_derive(store->root, salt,
							     "dm-envelope kms answers");
	struct kms_answer whole = *answer;
	int r;

	_Static_assert(CRYPTO_KEY_BYTES == KMS_PROOF_SEED_BYTES, "a derived key is the seed");
	if (!seed)
		return -1;
	whole.id = store->id;
	r = kms_proof_make(&whole, seed->bytes, proof);
	stack_wipe();
	return r;
}

/**
 * store_begin() - begin a change of several steps, or one that waits for its audit record
 *
 * Return: 0 or -1.
 */
int store_begin(struct store *store, struct fault *f)
{
	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return store_fault(store, "begin a change", f);
	return 0;
}

/** store_commit() - keep the change, if one was begun; Return: 0, or -1: nothing of it was kept */
int store_commit(struct store *store, struct fault *f)
{
	if (sqlite3_get_autocommit(store->db) ||
	    sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	store_fault(store, "commit a change", f);
	store_rollback(store);
	return -1;
}

/** store_rollback() - undo the changes since store_begin(); fine when no change was begun */
void store_rollback(struct store *store)
{
	/* There is no change if none was begun, or if sqlite had to undo it by itself. */
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

/** store_close() - close the database; NULL is fine */
void store_close(struct store *store)
{
	if (!store)
		return;
	sqlite3_close(store->db);
	free(store);
}
