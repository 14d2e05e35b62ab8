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

#include "kms/store/store_counter.h"
#include "kms/store/store_disk.h"
#include "kms/store/store_row.h"
#include "lib/base/json.h"
#include "lib/base/text.h"

/*
 * secure_delete overwrites what a deleted row held. The log holds older pages: see disk_erase_log().
 * Nothing that a change needs is in a temporary file, since the disk may be full.
 */
static const char settings[] = "PRAGMA synchronous=FULL;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA secure_delete=ON;"
			       "PRAGMA foreign_keys=ON;"
			       "PRAGMA trusted_schema=OFF;";

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
 * @tag: set to the tag of the seal, which no other record has
 *
 * Return: 0 or -1.
 */
int row_bind(struct store *store, sqlite3_stmt *statement, int index, struct json_object *record,
	     const struct secret *material, sd_id128_t *tag, struct fault *f)
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
	memcpy(tag->bytes, seal + plain.size + CRYPTO_SEAL_BYTES - CRYPTO_TAG_BYTES,
	       CRYPTO_TAG_BYTES);
	sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
	sqlite3_bind_blob(statement, index + 1, seal, (int)(plain.size + CRYPTO_SEAL_BYTES), free);
	return 0;
}

/** row_tag() - the tag of the seal in @column; one that fits no row if there is no seal */
void row_tag(sqlite3_stmt *statement, int column, sd_id128_t *tag)
{
	const uint8_t *seal = sqlite3_column_blob(statement, column);
	size_t size = (size_t)sqlite3_column_bytes(statement, column);

	_Static_assert(sizeof(tag->bytes) == CRYPTO_TAG_BYTES, "an id of 128 bits holds a tag");
	*tag = SD_ID128_NULL;
	if (seal && size >= CRYPTO_SEAL_BYTES)
		memcpy(tag->bytes, seal + size - CRYPTO_TAG_BYTES, CRYPTO_TAG_BYTES);
}

/** row_has_tag() - does the seal in @column have @tag? row_read() checks the seal itself */
bool row_has_tag(sqlite3_stmt *statement, int column, const sd_id128_t *tag)
{
	sd_id128_t seen;

	row_tag(statement, column, &seen);
	return sd_id128_equal(seen, *tag);
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
 * row_step() - take the one row of @statement, which the set has
 * @what: "grant 1234", and @doing: "read a grant", for faults
 *
 * Return: 0, -EBADMSG when the row is missing, or -1.
 */
int row_step(struct store *store, sqlite3_stmt *statement, const char *what, const char *doing,
	     struct fault *f)
{
	int step = sqlite3_step(statement);

	if (step != SQLITE_DONE)
		return step == SQLITE_ROW ? 0 : store_fault(store, doing, f);
	fault_set(f, "KMSInternalException",
		  "The record of %s is missing. Restore the key store from a backup.", what);
	return -EBADMSG;
}

/**
 * row_number() - the one number that @sql gives
 * @text: its parameter; NULL for none
 * @doing: for a fault of the database, as for store_fault()
 *
 * Return: 0 or -1.
 */
int row_number(struct store *store, const char *sql, const char *text, const char *doing,
	       int64_t *number, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, sql, &statement, f))
		return -1;
	if (text)
		store_bind_text(statement, 1, text);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return store_fault(store, doing, f);
	*number = sqlite3_column_int64(statement, 0);
	return 0;
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

static bool has_bytes(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_size > 0;
}

/** store_missing() - is there no database in @directory, or an empty file? */
bool store_missing(const char *directory)
{
	_cleanup_text_ char *path = text_format("%s/kms.sqlite", directory);

	return !path || !has_bytes(path);
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
	if (has_bytes(path))
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "The key store %s is missing or an empty file. Mount or restore it, or begin an empty one with envelope-kms --init --new-store.",
			 path);
}

static int open_file(struct store *store, const char *path, bool create, struct fault *f)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
		    (create ? SQLITE_OPEN_CREATE : 0);
	mode_t mask = umask(077);
	int r = sqlite3_open_v2(path, &store->db, flags, NULL);

	sqlite3_busy_timeout(store->db, STORE_BUSY_MSEC);
	if (!r)
		r = sqlite3_exec(store->db, settings, NULL, NULL, NULL);
	if (!r) {
		r = disk_open(store, path, f);
		umask(mask);
		return r;
	}
	umask(mask);
	return fault_set(f, "InvalidConfiguration",
			 "The key store %s cannot be opened: %s. Check the path and its permissions.",
			 path, sqlite3_errmsg(store->db));
}

/**
 * store_open() - open the database, and bring it to this version
 * @f: InvalidConfiguration when the root key is not this database's, or when the database has lost
 *	what tells a lost key from one that never was
 *
 * Return: 0 or -1.
 */
int store_open(const struct store_setup *setup, struct store **out, struct fault *f)
{
	_cleanup_text_ char *path = text_format("%s/kms.sqlite", setup->directory);
	struct store *store;

	if (!path)
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	if (!setup->create && store_find(path, f))
		return -1;
	store = calloc(1, sizeof(*store));
	if (!store)
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	store->root = setup->root;
	store->disk.log_fd = -1;
	store->disk.index_fd = -1;
	if (counter_open(store, setup->counter, f) || open_file(store, path, setup->create, f) ||
	    store_upgrade(store, path, setup, f) || disk_reserve(store, path, f)) {
		store_close(store);
		return -1;
	}
	sqlite3_busy_timeout(store->db, STORE_CHANGE_MSEC);
	*out = store;
	return 0;
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
 * @answer: without its @id and its @change
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
	whole.change = store->head.set_change;
	r = kms_proof_make(&whole, seed->bytes, proof);
	stack_wipe();
	return r;
}

/**
 * store_begin_urgent() - as store_begin(), of a change that may use the reserve of the disk
 *
 * A revocation, and what the store does by itself without need of more space.
 *
 * Return: 0 or -1.
 */
int store_begin_urgent(struct store *store, struct fault *f)
{
	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return store_fault(store, "begin a change", f);
	store->before = store->head;
	memcpy(store->event_before, store->event, sizeof(store->event));
	store->sequence_before = store->sequence;
	store->rows_before = sqlite3_total_changes64(store->db);
	store->changing = true;
	store->aside = false;
	return 0;
}

/**
 * store_begin() - begin a change of several steps, or one that waits for its audit record
 *
 * Readers of the database do not stop it. While another program writes to the database, it fails after
 * STORE_CHANGE_MSEC.
 *
 * Return: 0 or -1.
 */
int store_begin(struct store *store, struct fault *f)
{
	return disk_hold(store, f) ? -1 : store_begin_urgent(store, f);
}

/**
 * store_begin_aside() - as store_begin(), of a change by which no answer to a call on keys is decided
 *
 * An agent takes a copy of the store for the present one, although the copy lacks the change.
 *
 * Return: 0 or -1.
 */
int store_begin_aside(struct store *store, struct fault *f)
{
	if (store_begin(store, f))
		return -1;
	store->aside = true;
	return 0;
}

/**
 * store_usage_since() - when the store began to keep the uses of keys
 *
 * Return: seconds since the epoch, for people.
 */
int64_t store_usage_since(const struct store *store)
{
	return store->usage_since;
}

/**
 * store_note_event() - the change under way has the record @event, an eventID, in the audit trail
 * @sequence: of the record, which is on the disk; 0: not known
 *
 * The head keeps both with the change. After a crash the id tells whether the record tells of a
 * change that
 * was undone. The number tells whether the trail and its head were put back.
 */
void store_note_event(struct store *store, const char *event, int64_t sequence)
{
	snprintf(store->event, sizeof(store->event), "%s", event);
	store->sequence = sequence;
}

/** store_last_event() - of the last change that was kept; "" if the store does not know it */
const char *store_last_event(const struct store *store)
{
	return store->event;
}

/** store_last_sequence() - number of the record of store_last_event(); 0 if it is not known */
int64_t store_last_sequence(const struct store *store)
{
	return store->sequence;
}

/* The head goes with each change of a row, and with each event. */
static int seal_change(struct store *store, struct fault *f)
{
	if (sqlite3_total_changes64(store->db) == store->rows_before &&
	    !strcmp(store->event, store->event_before))
		return 0;
	store->head.change++;
	if (!sd_id128_equal(store->head.set, store->before.set) && !store->aside)
		store->head.set_change = store->head.change;
	return store_write_head(store, f);
}

/** store_commit() - keep the change, if one was begun; Return: 0, or -1: nothing of it was kept */
int store_commit(struct store *store, struct fault *f)
{
	if (!store->changing)
		return 0;
	if (seal_change(store, f)) {
		store_rollback(store);
		return -1;
	}
	if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		store_fault(store, "commit a change", f);
		store_rollback(store);
		return -1;
	}
	store->changing = false;
	counter_follow(store);
	return 0;
}

/** store_rollback() - undo the changes since store_begin(); fine when no change was begun */
void store_rollback(struct store *store)
{
	if (!store->changing)
		return;
	/* sqlite may have had to undo it by itself. */
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	store->head = store->before;
	memcpy(store->event, store->event_before, sizeof(store->event));
	store->sequence = store->sequence_before;
	store->changing = false;
}

/** change_begin() - as store_begin(), unless a change is under way; @own: set to whether it is not */
int change_begin(struct store *store, bool *own, struct fault *f)
{
	*own = !store->changing;
	return *own ? store_begin_urgent(store, f) : 0;
}

/** change_end() - end what change_begin() began; @r: how its steps ended; Return: 0 or -1 */
int change_end(struct store *store, bool own, int r, struct fault *f)
{
	if (own && r)
		store_rollback(store);
	return own && !r ? store_commit(store, f) : r;
}

/** store_close() - close the database; NULL is fine */
void store_close(struct store *store)
{
	if (!store)
		return;
	disk_close(store);
	sqlite3_close(store->db);
	disk_close_index(store);
	if (store->counter.fd >= 0)
		close(store->counter.fd);
	free(store);
}
