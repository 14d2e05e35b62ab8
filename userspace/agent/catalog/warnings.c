// SPDX-License-Identifier: MIT
/* The table of warnings. Each change is on the disk when its function returns. */
#include "agent/catalog/warnings.h"

#include <stdio.h>

#include "agent/catalog/statement.h"

/**
 * warnings_record() - write the warning of @cluster, "" for none; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int warnings_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id, cluster->warning };
	int r = cluster->warning[0]
			? statement_run(catalog_db(catalog),
					"INSERT OR REPLACE INTO warning VALUES (?,?)", text, 2)
			: statement_run(catalog_db(catalog),
					"DELETE FROM warning WHERE volume_id = ?", text, 1);

	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "record", "a warning in the catalog", f);
}

/** warnings_find() - fill the warning of @cluster, "" for none; 0 or -1 */
int warnings_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog), "SELECT text FROM warning WHERE volume_id = ?",
				text, 1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	snprintf(cluster->warning, sizeof(cluster->warning), "%s",
		 r == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "");
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a warning in the catalog", f);
}
