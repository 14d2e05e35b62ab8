// SPDX-License-Identifier: MIT
/* The disk table of the catalog. Each change is on the disk when its function returns. */
#include "agent/catalog/places.h"

#include "agent/catalog/statement.h"
#include "lib/base/text.h"

/** places_find() - fill the identity of @cluster's disk, NULL if the catalog has none; 0 or -1 */
int places_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	int out_of_memory = 0;
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog), "SELECT disk FROM place WHERE volume_id = ?",
				text, 1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	text_freep(&cluster->disk);
	if (r == SQLITE_ROW && sqlite3_column_bytes(statement, 0))
		out_of_memory = text_set(&cluster->disk,
					 (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	if (out_of_memory)
		return fault_set(f, "InternalFailure", "Out of memory.");
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a disk in the catalog", f);
}

/**
 * places_record() - write the identity of @cluster's disk; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int places_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id, cluster->disk };
	int r = statement_run(catalog_db(catalog), "INSERT OR REPLACE INTO place VALUES (?,?)",
			      text, 2);

	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "record", "a disk in the catalog", f);
}
