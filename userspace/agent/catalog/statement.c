// SPDX-License-Identifier: MIT
/* SQL statements of the catalog. The callers turn the codes of SQLite into faults. */
#include "agent/catalog/statement.h"

#include <stddef.h>

/**
 * statement_begin() - prepare a statement and bind texts to its first parameters
 * @text: borrowed until the statement is finalized
 * @count: of @text
 * @ret: for the caller to finalize, also after a failure
 *
 * Return: SQLITE_OK or another SQLITE_ code.
 */
int statement_begin(sqlite3 *db, const char *sql, const char *const text[], int count,
		    sqlite3_stmt **ret)
{
	int r;

	*ret = NULL;
	r = sqlite3_prepare_v2(db, sql, -1, ret, NULL);
	for (int i = 0; r == SQLITE_OK && i < count; i++)
		r = sqlite3_bind_text(*ret, i + 1, text[i], -1, SQLITE_STATIC);
	return r;
}

/** statement_run() - run a statement that returns no row; SQLITE_DONE or another SQLITE_ code */
int statement_run(sqlite3 *db, const char *sql, const char *const text[], int count)
{
	sqlite3_stmt *statement;
	int r = statement_begin(db, sql, text, count, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r;
}
