// SPDX-License-Identifier: MIT
/*
 * The materials of rotations, each in a sealed row. The record of the key, which the set has, names each
 * row by the tag of its seal.
 *
 * Must never answer "there is no such material" unless the record of the key proves it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "lib/base/json.h"

static struct json_object *make_record(const struct cmk *cmk, size_t number, const char *id)
{
	struct json_object *record = json_object_new_object();

	json_add_string(record, "Record", "material");
	json_add_string(record, "KeyId", cmk->key_id);
	json_add_int(record, "Number", (int64_t)number);
	json_add_string(record, "Id", id);
	return record;
}

static int insert(struct store *store, struct cmk *cmk, struct material *material,
		  const struct secret *bytes, struct fault *f)
{
	size_t number = materials_count(cmk->materials) + 1;
	_cleanup_json_ struct json_object *record = make_record(cmk, number, material->id);
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store,
			  "INSERT INTO materials (key_id, number, record, seal)"
			  " VALUES (?, ?, ?, ?)",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, cmk->key_id);
	sqlite3_bind_int64(statement, 2, (int64_t)number);
	if (row_bind(store, statement, 3, record, bytes, &material->tag, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "add a key material", f);
	materials_add(&cmk->materials, material);
	return store_update_key(store, cmk, f);
}

/**
 * store_add_material() - give a key its next material, which is the current one from then on
 * @cmk: its record is written, too; of no use after a fault
 * @material: id, date and type
 * @bytes: CMK_MATERIAL_BYTES
 * @f: KMSInternalException, LimitExceededException
 *
 * Return: 0 or -1.
 */
int store_add_material(struct store *store, struct cmk *cmk, const struct material *material,
		       const struct secret *bytes, struct fault *f)
{
	struct material added = *material;
	bool own;

	if (materials_count(cmk->materials) >= MATERIAL_NUMBER_MOST)
		return fault_set(f, "LimitExceededException",
				 "Key %s has as many key materials as a key may have.",
				 cmk->key_id);
	if (change_begin(store, &own, f))
		return -1;
	return change_end(store, own, insert(store, cmk, &added, bytes, f), f);
}

static int damaged(const struct cmk *cmk, size_t number, const char *what, struct fault *f)
{
	return fault_set(f, "KMSInternalException",
			 "Key material %zu of key %s %s. Restore the key store from a backup.",
			 number, cmk->key_id, what);
}

/* Opens the current row, whose columns are record and seal. No other row has the tag of its seal. */
static int open_row(struct store *store, sqlite3_stmt *statement, const struct cmk *cmk,
		    size_t number, const struct material *material, struct secret **bytes,
		    struct fault *f)
{
	_cleanup_json_ struct json_object *record = NULL;

	if (!row_has_tag(statement, 1, &material->tag))
		return damaged(cmk, number, "is not the one that the key has", f);
	return row_read(store, statement, 0, &record, CMK_MATERIAL_BYTES, bytes, f) ? -1 : 0;
}

/**
 * store_get_material() - read the material of a rotation
 * @cmk: as it is in the store
 * @number: from 1. The first material, 0, comes with the key
 * @bytes: set; secret_free()
 *
 * Return: 0; -ENOENT with @f untouched when the key has no such material; or -1.
 */
int store_get_material(struct store *store, const struct cmk *cmk, size_t number,
		       struct secret **bytes, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct material material;

	if (materials_get(cmk->materials, number, &material))
		return -ENOENT;
	if (store_prepare(store,
			  "SELECT record, seal FROM materials WHERE key_id = ? AND number = ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, cmk->key_id);
	sqlite3_bind_int64(statement, 2, (int64_t)number);
	switch (sqlite3_step(statement)) {
	case SQLITE_DONE:
		return damaged(cmk, number, "is missing", f);
	case SQLITE_ROW:
		return open_row(store, statement, cmk, number, &material, bytes, f);
	default:
		return store_fault(store, "read a key material", f);
	}
}
