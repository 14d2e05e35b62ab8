// SPDX-License-Identifier: MIT
/*
 * The table of protected clusters in the catalog. Each change is on the disk when its function
 * returns. A cluster of which the table cannot be read counts as protected.
 */
#include "agent/catalog/protections.h"

#include "agent/catalog/statement.h"

/** protections_find() - fill @cluster's deletion protection; 0 or -1 */
int protections_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog), "SELECT 1 FROM protection WHERE volume_id = ?",
				text, 1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	cluster->deletion_protection = r != SQLITE_DONE;
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a deletion protection in the catalog", f);
}

/**
 * protections_record() - write @cluster's deletion protection; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int protections_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	int r = statement_run(catalog_db(catalog),
			      cluster->deletion_protection
				      ? "INSERT OR IGNORE INTO protection VALUES (?)"
				      : "DELETE FROM protection WHERE volume_id = ?",
			      text, 1);

	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "record",
						 "a deletion protection in the catalog", f);
}
