// SPDX-License-Identifier: MIT
/* The table of stamps. Each change is on the disk when its function returns. */
#include "agent/catalog/stamps.h"

#include <stdio.h>

#include "agent/catalog/statement.h"

static void column_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, column));
}

/** stamps_find() - fill @cluster's stamp; host "" if the catalog has none; 0 or -1 */
int stamps_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	struct volume_owner *stamp = &cluster->stamp;
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT host, boot, time FROM stamp WHERE volume_id = ?", text, 1,
				&statement);

	*stamp = (struct volume_owner){ 0 };
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		column_text(statement, 0, stamp->host, sizeof(stamp->host));
		column_text(statement, 1, stamp->boot, sizeof(stamp->boot));
		column_text(statement, 2, stamp->time, sizeof(stamp->time));
	}
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a stamp in the catalog", f);
}

/**
 * stamps_record() - write @cluster's stamp; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int stamps_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	const struct volume_owner *stamp = &cluster->stamp;
	const char *const text[] = { cluster->volume_id, stamp->host, stamp->boot, stamp->time };
	int r = statement_run(catalog_db(catalog), "INSERT OR REPLACE INTO stamp VALUES (?,?,?,?)",
			      text, 4);

	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "record", "a stamp in the catalog", f);
}
