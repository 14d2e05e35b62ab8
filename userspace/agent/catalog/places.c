// SPDX-License-Identifier: MIT
/* The disk table of the catalog. Each change is on the disk when its function returns. */
#include "agent/catalog/places.h"

#include <sqlite3.h>
#include <stdio.h>

static int sql_fault(struct catalog *catalog, const char *what, struct fault *f)
{
	return fault_set(f, "InternalFailure", "Cannot %s a disk in the catalog: %s.", what,
			 sqlite3_errmsg(catalog_db(catalog)));
}

/* Prepares @sql with the texts @first and @second, which may be NULL. Return: an SQLITE_ code. */
static int prepare(struct catalog *catalog, const char *sql, const char *first, const char *second,
		   sqlite3_stmt **ret)
{
	int r = sqlite3_prepare_v2(catalog_db(catalog), sql, -1, ret, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_bind_text(*ret, 1, first, -1, SQLITE_STATIC);
	if (r == SQLITE_OK && second)
		r = sqlite3_bind_text(*ret, 2, second, -1, SQLITE_STATIC);
	return r;
}

/** places_find() - fill the identity of @cluster's disk, "" if the catalog has none; 0 or -1 */
int places_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	sqlite3_stmt *statement = NULL;
	int r = prepare(catalog, "SELECT disk FROM place WHERE volume_id = ?", cluster->volume_id,
			NULL, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	cluster->disk[0] = 0;
	if (r == SQLITE_ROW)
		snprintf(cluster->disk, sizeof(cluster->disk), "%s",
			 (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : sql_fault(catalog, "read", f);
}

/** places_record() - write the identity of @cluster's disk; 0 or -1 */
int places_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	sqlite3_stmt *statement = NULL;
	int r = prepare(catalog, "INSERT OR REPLACE INTO place VALUES (?,?)", cluster->volume_id,
			cluster->disk, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : sql_fault(catalog, "record", f);
}

/** places_forget() - the volume has left the catalog; 0, also when it had no row, or -1 */
int places_forget(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	sqlite3_stmt *statement = NULL;
	int r = prepare(catalog, "DELETE FROM place WHERE volume_id = ?", volume_id, NULL,
			&statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : sql_fault(catalog, "forget", f);
}
