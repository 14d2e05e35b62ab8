// SPDX-License-Identifier: MIT
/*
 * The table of grants. Its access_key is the principal: an access key in older agents. Each change is on
 * the disk when its function returns.
 */
#include "agent/catalog/grants.h"

#include <stdio.h>

#include "agent/catalog/statement.h"

/**
 * grants_record() - write the last grant of a volume's key; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int grants_record(struct catalog *catalog, const char *volume_id, const struct grant *grant,
		  struct fault *f)
{
	const char *const text[] = { volume_id, grant->kms, grant->principal };
	int r = statement_run(catalog_db(catalog),
			      "INSERT OR REPLACE INTO kms_grant VALUES (?,?,?)", text, 3);

	return r == SQLITE_DONE ? 0
				: catalog_failed(catalog, "record", "a grant in the catalog", f);
}

static void column_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, column));
}

/** grants_find() - the last grant of a volume's key; 1 when @ret is filled, 0 for no grant, or -1 */
int grants_find(struct catalog *catalog, const char *volume_id, struct grant *ret, struct fault *f)
{
	const char *const text[] = { volume_id };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT kms, access_key FROM kms_grant WHERE volume_id = ?", text,
				1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		column_text(statement, 0, ret->kms, sizeof(ret->kms));
		column_text(statement, 1, ret->principal, sizeof(ret->principal));
	}
	sqlite3_finalize(statement);
	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", "a grant in the catalog", f);
}
