// SPDX-License-Identifier: MIT
/* The table of denials. Each change is on the disk when its function returns. */
#include "agent/catalog/denials.h"

#include <stdio.h>

#include "agent/catalog/statement.h"

/**
 * denials_record() - write how much of its recovery window @cluster has spent; 0 or -1
 * @boot: id of this boot, in which @cluster->loss.counted_ns is a time
 */
int denials_record(struct catalog *catalog, const struct cluster *cluster, const char *boot,
		   struct fault *f)
{
	const char *const text[] = { cluster->volume_id, boot };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"INSERT OR REPLACE INTO denial VALUES (?,?,?,?)", text, 2,
				&statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 3, (int64_t)cluster->loss.counted_ns);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 4, (int64_t)cluster->loss.spent_ns);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "record", "a denial in the catalog", f);
}

/** denials_find() - fill what denials_record() wrote; 1, 0 for no row, or -1 */
int denials_find(struct catalog *catalog, struct cluster *cluster, char boot[33], struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT boot, counted, spent FROM denial WHERE volume_id = ?", text,
				1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		snprintf(boot, 33, "%s", (const char *)sqlite3_column_text(statement, 0));
		cluster->loss.counted_ns = (uint64_t)sqlite3_column_int64(statement, 1);
		cluster->loss.spent_ns = (uint64_t)sqlite3_column_int64(statement, 2);
	}
	sqlite3_finalize(statement);
	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", "a denial in the catalog", f);
}

/** denials_forget() - the denial of @cluster's key is undone; 0, also when it had none, or -1 */
int denials_forget(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	int r = statement_run(catalog_db(catalog), "DELETE FROM denial WHERE volume_id = ?", text,
			      1);

	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "forget", "a denial in the catalog", f);
}
