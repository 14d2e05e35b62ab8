// SPDX-License-Identifier: MIT
/* The table of starts. Each change is on the disk when its function returns. */
#include "agent/catalog/boot_starts.h"

#include "agent/catalog/statement.h"

/**
 * boot_starts_record() - write how @cluster was started last; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int boot_starts_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id, cluster->restart.at_boot ? "1" : "0",
				     cluster->restart.read_only ? "1" : "0" };
	int r = statement_run(catalog_db(catalog), "INSERT OR REPLACE INTO boot VALUES (?,?,?)",
			      text, 3);

	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "record", "a start in the catalog", f);
}

/** boot_starts_find() - fill how @cluster was started last; 0 or -1 */
int boot_starts_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT at_boot, read_only FROM boot WHERE volume_id = ?", text, 1,
				&statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	cluster->restart.at_boot = r == SQLITE_ROW && sqlite3_column_int(statement, 0);
	cluster->restart.read_only = r == SQLITE_ROW && sqlite3_column_int(statement, 1);
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a start in the catalog", f);
}
