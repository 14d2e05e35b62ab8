// SPDX-License-Identifier: MIT
/*
 * The table of the clusters with a profile or an endpoint of their own. Each change is on the disk when
 * its function returns. The header has no such table: who writes to the disk would choose the KMS.
 */
#include "agent/catalog/reaches.h"

#include <stdio.h>

#include "agent/catalog/statement.h"

/** reaches_find() - fill @cluster's reach, "" in each field if the catalog has none; 0 or -1 */
int reaches_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	struct reach found = { 0 };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT profile, endpoint FROM reach WHERE volume_id = ?", text, 1,
				&statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		snprintf(found.profile, sizeof(found.profile), "%s",
			 (const char *)sqlite3_column_text(statement, 0));
		snprintf(found.endpoint, sizeof(found.endpoint), "%s",
			 (const char *)sqlite3_column_text(statement, 1));
	}
	sqlite3_finalize(statement);
	cluster->reach = found;
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read",
					"a cluster's profile and endpoint in the catalog", f);
}

/**
 * reaches_record() - write the reach of the cluster with the volume @volume_id; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int reaches_record(struct catalog *catalog, const char *volume_id, const struct reach *reach,
		   struct fault *f)
{
	const char *const text[] = { volume_id, reach->profile, reach->endpoint };
	bool own = reach->profile[0] || reach->endpoint[0];
	int r = statement_run(catalog_db(catalog),
			      own ? "INSERT OR REPLACE INTO reach VALUES (?,?,?)"
				  : "DELETE FROM reach WHERE volume_id = ?",
			      text, own ? 3 : 1);

	return r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "record",
					"a cluster's profile and endpoint in the catalog", f);
}
