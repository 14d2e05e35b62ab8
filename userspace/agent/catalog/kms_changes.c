// SPDX-License-Identifier: MIT
/*
 * The table of changes. A KMS stays in it after its last cluster has gone: a cluster that comes back is
 * judged as before. Each change is on the disk when its function returns.
 */
#include "agent/catalog/kms_changes.h"

#include "agent/catalog/statement.h"

/**
 * kms_changes_record() - write the number of the newest change of a KMS; 0 or -1
 *
 * It never falls: an agent that could not read it begins with none.
 */
int kms_changes_record(struct catalog *catalog, const char *kms, int64_t change, struct fault *f)
{
	const char *const text[] = { kms };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"INSERT INTO kms_change VALUES (?,?)"
				" ON CONFLICT (kms) DO UPDATE SET change = max(change, excluded.change)",
				text, 1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 2, change);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "record", "a change of a KMS in the catalog", f);
}

/** kms_changes_find() - the newest change of a KMS; 1 when @change is filled, 0 for none, or -1 */
int kms_changes_find(struct catalog *catalog, const char *kms, int64_t *change, struct fault *f)
{
	const char *const text[] = { kms };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog), "SELECT change FROM kms_change WHERE kms = ?",
				text, 1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*change = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a change of a KMS in the catalog", f);
}

/** kms_changes_each() - call @each for the newest change of each KMS; 0 or -1 */
int kms_changes_each(struct catalog *catalog, kms_change_t each, void *userdata, struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog), "SELECT kms, change FROM kms_change", NULL, 0,
				&statement);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		r = sqlite3_step(statement);
		if (r == SQLITE_ROW)
			each((const char *)sqlite3_column_text(statement, 0),
			     sqlite3_column_int64(statement, 1), userdata);
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "the changes of KMSs in the catalog", f);
}
