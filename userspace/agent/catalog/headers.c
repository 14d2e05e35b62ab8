// SPDX-License-Identifier: MIT
/* The table of headers. Each change is on the disk when its function returns. */
#include "agent/catalog/headers.h"

#include <stdlib.h>
#include <string.h>

#include "agent/catalog/statement.h"

#define OBJECT "a volume header in the catalog"

/** headers_has() - has the catalog a copy? 1, 0 or -1 */
int headers_has(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	int r = statement_run(catalog_db(catalog), "SELECT 1 FROM header WHERE volume_id = ?",
			      &volume_id, 1);

	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", OBJECT, f);
}

/**
 * headers_find() - the copy of a volume's header
 * @ret: for header_backup_free()
 *
 * Return: 1 when @ret is filled, 0 without a copy, or -1.
 */
int headers_find(struct catalog *catalog, const char *volume_id, struct packed_header *ret,
		 struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT packed FROM header WHERE volume_id = ?", &volume_id, 1,
				&statement);

	*ret = (struct packed_header){ 0 };
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		ret->size = (size_t)sqlite3_column_bytes(statement, 0);
		ret->bytes = malloc(ret->size ? ret->size : 1);
	}
	if (ret->bytes && ret->size)
		memcpy(ret->bytes, sqlite3_column_blob(statement, 0), ret->size);
	sqlite3_finalize(statement);
	if (r == SQLITE_ROW)
		return ret->bytes ? 1 : fault_set(f, "InternalFailure", "Out of memory.");
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", OBJECT, f);
}

/**
 * headers_record() - write the copy of a volume's header; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int headers_record(struct catalog *catalog, const char *volume_id,
		   const struct packed_header *packed, struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog), "INSERT OR REPLACE INTO header VALUES (?,?)",
				&volume_id, 1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_blob(statement, 2, packed->bytes, (int)packed->size,
				      SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "record", OBJECT, f);
}
