// SPDX-License-Identifier: MIT
/*
 * Counting the rows of the store, for its listings.
 *
 * Must never take a count for good after somebody has changed the database.
 */
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"

/* Changes with each change of the database that another program makes. */
static int read_version(struct store *store, int64_t *version, struct fault *f)
{
	return row_number(store, "PRAGMA data_version", NULL, "count its rows", version, f);
}

/**
 * set_count_rows() - are there as many rows as the set has entries?
 *
 * A listing needs this. It reads each row of a table, but finds no row that is missing. A count stays
 * good until somebody changes the database, so the pages of a listing share one.
 *
 * Return: 0 or -1.
 */
int set_count_rows(struct store *store, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int64_t version;

	if (read_version(store, &version, f))
		return -1;
	if (store->counted.known && store->counted.version == version &&
	    store->counted.changes == sqlite3_total_changes64(store->db))
		return 0;
	store->counted.known = false;
	if (store_prepare(store,
			  "SELECT (SELECT count(*) FROM keys), (SELECT count(*) FROM aliases),"
			  " (SELECT count(*) FROM grants), (SELECT count(*) FROM users)",
			  &statement, f))
		return -1;
	if (sqlite3_step(statement) != SQLITE_ROW)
		return store_fault(store, "count its rows", f);
	if (sqlite3_column_int64(statement, 0) == store->head.keys &&
	    sqlite3_column_int64(statement, 1) == store->head.aliases &&
	    sqlite3_column_int64(statement, 2) == store->head.grants &&
	    sqlite3_column_int64(statement, 3) == store->head.users) {
		store->counted.known = true;
		store->counted.version = version;
		store->counted.changes = sqlite3_total_changes64(store->db);
		return 0;
	}
	return fault_set(f, "KMSInternalException",
			 "Records of the key store are missing, so no list of them is complete. Restore the key store from a backup.");
}
