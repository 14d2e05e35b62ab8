/* SPDX-License-Identifier: MIT */
/*
 * Sealed rows: what the files of the store share.
 *
 * Must never be included outside the store.
 */
#ifndef ENVELOPE_KMS_STORE_ROW_H
#define ENVELOPE_KMS_STORE_ROW_H

#include <json-c/json.h>
#include <sqlite3.h>

#include "kms/keys/cmk.h"
#include "kms/keys/crypto.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

/* A commit waits that long for a reader, such as --check-config or a backup, to end. */
#define STORE_BUSY_MSEC 10000

struct store {
	sqlite3 *db;
	const struct secret *root; /* borrowed */
	char id[37];
	struct {
		int64_t seconds;  /* at @since_ns */
		int64_t since_ns; /* CLOCK_BOOTTIME */
	} clock;
};

void statement_finalize(sqlite3_stmt **statement);
#define _cleanup_statement_ __attribute__((cleanup(statement_finalize)))

int store_fault(struct store *store, const char *doing, struct fault *f);

int store_prepare(struct store *store, const char *sql, sqlite3_stmt **statement, struct fault *f);

void store_bind_text(sqlite3_stmt *statement, int index, const char *text);

int store_find(const char *path, struct fault *f);

int store_read_version(struct store *store, const char *path, int64_t *version, struct fault *f);

int store_upgrade(struct store *store, const char *path, struct fault *f);

int row_bind(struct store *store, sqlite3_stmt *statement, int index, struct json_object *record,
	     const struct secret *material, struct fault *f);

int row_read(struct store *store, sqlite3_stmt *statement, int column, struct json_object **record,
	     size_t material_size, struct secret **material, struct fault *f);

/* typedef row_each_t - takes the current row; Return: 0 to go on, 1 to stop, -1 with @f */
typedef int (*row_each_t)(struct store *store, sqlite3_stmt *statement, void *userdata,
			  struct fault *f);

int row_list(struct store *store, sqlite3_stmt *statement, row_each_t each, void *userdata,
	     struct fault *f);

/* Columns that key_row_read() expects. */
#define KEY_COLUMNS "key_id, account, record, seal"

int key_row_read(struct store *store, sqlite3_stmt *statement, struct cmk *cmk,
		 struct secret **material, struct fault *f);

/* key_hint() - what the column "deletion" of @cmk holds: when it is due, 0 unless pending */
static inline int64_t key_hint(const struct cmk *cmk)
{
	return cmk->state == KEY_PENDING_DELETION ? cmk->due : 0;
}

int key_set_hint(struct store *store, const struct cmk *cmk, struct fault *f);

#endif
