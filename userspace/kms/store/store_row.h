/* SPDX-License-Identifier: MIT */
/*
 * Sealed rows: what store.c, store_key.c and store_alias.c share.
 *
 * Must never be included outside the store.
 */
#ifndef ENVELOPE_KMS_STORE_ROW_H
#define ENVELOPE_KMS_STORE_ROW_H

#include <json-c/json.h>
#include <sqlite3.h>

#include "kms/keys/crypto.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

struct store {
	sqlite3 *db;
	const struct secret *root; /* borrowed */
};

void statement_finalize(sqlite3_stmt **statement);
#define _cleanup_statement_ __attribute__((cleanup(statement_finalize)))

/** store_fault() - KMSInternalException with sqlite's message; Return: -1 */
int store_fault(struct store *store, const char *doing, struct fault *f);

/** store_prepare() - compile @sql; Return: 0 or -1 */
int store_prepare(struct store *store, const char *sql, sqlite3_stmt **statement, struct fault *f);

/** store_bind_text() - bind a parameter that outlives the statement */
void store_bind_text(sqlite3_stmt *statement, int index, const char *text);

/**
 * row_bind() - seal @record with @material and bind both
 * @index: of the record parameter; the seal goes to @index + 1
 * @material: NULL for a record without secret
 *
 * Return: 0 or -1.
 */
int row_bind(struct store *store, sqlite3_stmt *statement, int index, struct json_object *record,
	     const struct secret *material, struct fault *f);

/**
 * row_read() - check the seal of the current row
 * @column: of the record; the seal is @column + 1
 * @record: set to the record; json_object_put()
 * @material_size: bytes of sealed material, 0 for a record without
 * @material: NULL, or set to the material
 *
 * Return: 0; -EBADMSG when the row is not what was sealed; -1 when that could not be found out,
 * which says nothing about the row.
 */
int row_read(struct store *store, sqlite3_stmt *statement, int column, struct json_object **record,
	     size_t material_size, struct secret **material, struct fault *f);

#endif
