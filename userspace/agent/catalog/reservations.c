// SPDX-License-Identifier: MIT
/* The reservation table of the catalog. Each change is on the disk when its function returns. */
#include "agent/catalog/reservations.h"

#include <stdio.h>

#include "agent/catalog/statement.h"

/** reservations_find() - fill whether @cluster's disk was reserved, and for whose claim; 0 or -1 */
int reservations_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	const char *const text[] = { cluster->volume_id };
	sqlite3_stmt *statement;
	int held, r = statement_begin(catalog_db(catalog),
				      "SELECT held FROM reservation WHERE volume_id = ?", text, 1,
				      &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	cluster->reservation.recorded = r == SQLITE_ROW;
	held = r == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
	cluster->reservation.held = held > 0;
	cluster->reservation.fence_s = held > 1 ? (uint32_t)held : 0;
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a reservation in the catalog", f);
}

/**
 * reservations_record() - write that a volume's disk is reserved, or is about to be; 0 or -1
 * @disk: its identity
 * @held: 0: it is about to be; 1: it is; more: it is or is about to be, and a host was or is about to be
 *	fenced whose claim lasts for as many seconds
 */
int reservations_record(struct catalog *catalog, const char *volume_id, const char *disk,
			uint32_t held, struct fault *f)
{
	char number[16];
	const char *const text[] = { volume_id, disk, number };
	int r;

	snprintf(number, sizeof(number), "%u", held);
	r = statement_run(catalog_db(catalog), "INSERT OR REPLACE INTO reservation VALUES (?,?,?)",
			  text, 3);

	return r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "record", "a reservation in the catalog", f);
}

/** reservations_forget() - the disk of a volume is not reserved; 1, 0 without a row, or -1 */
int reservations_forget(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	int r = statement_run(catalog_db(catalog), "DELETE FROM reservation WHERE volume_id = ?",
			      &volume_id, 1);

	return r == SQLITE_DONE
		       ? sqlite3_changes(catalog_db(catalog)) > 0
		       : catalog_failed(catalog, "forget", "a reservation in the catalog", f);
}

/** reservations_each() - call @each for the reservation of each volume; 0 or -1 */
int reservations_each(struct catalog *catalog, reservation_left_t each, void *userdata,
		      struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog), "SELECT volume_id, disk FROM reservation",
				NULL, 0, &statement);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		r = sqlite3_step(statement);
		if (r == SQLITE_ROW)
			each((const char *)sqlite3_column_text(statement, 0),
			     (const char *)sqlite3_column_text(statement, 1), userdata);
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "read", "reservations in the catalog", f);
}
