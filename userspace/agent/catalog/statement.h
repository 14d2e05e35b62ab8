/* SPDX-License-Identifier: MIT */
/* SQL statements of the catalog whose first parameters are texts. */
#ifndef ENVELOPE_STATEMENT_H
#define ENVELOPE_STATEMENT_H

#include <sqlite3.h>

int statement_begin(sqlite3 *db, const char *sql, const char *const text[], int count,
		    sqlite3_stmt **ret);
int statement_run(sqlite3 *db, const char *sql, const char *const text[], int count);

#endif
