// SPDX-License-Identifier: MIT
/*
 * The settings table of the catalog. Each change is on the disk when its function returns. The header
 * has no settings: who writes to the disk could change them.
 */
#include "agent/catalog/settings.h"

#include "agent/catalog/statement.h"

/** settings_find() - fill the settings of @cluster, defaults if the catalog has none; 0 or -1 */
int settings_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT allow_discards FROM setting WHERE volume_id = ?", text, 1,
				&statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	cluster->allow_discards = r == SQLITE_ROW && sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a cluster's settings in the catalog", f);
}

/**
 * settings_record() - write the settings of @cluster; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int settings_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id, cluster->allow_discards ? "1" : "0" };
	int r = statement_run(catalog_db(catalog), "INSERT OR REPLACE INTO setting VALUES (?,?)",
			      text, 2);

	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "record",
						 "a cluster's settings in the catalog", f);
}
