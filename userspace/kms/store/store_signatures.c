// SPDX-License-Identifier: MIT
/* See store_signatures.h. */
#include "kms/store/store_signatures.h"

#include <errno.h>

#include "kms/store/store_row.h"

/* Ordered by their end, so that forgetting reads only what it forgets. */
static const char table[] = "CREATE TABLE IF NOT EXISTS signatures (expires INTEGER NOT NULL,"
			    " signature TEXT NOT NULL, PRIMARY KEY (expires, signature))"
			    " STRICT, WITHOUT ROWID";

static int forget(struct store *store, int64_t before, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "DELETE FROM signatures WHERE expires < ?", &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, before);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "forget a signature", f);
	return 0;
}

/* As forget(). The first change of a store finds no table, and makes it. */
static int forget_or_make(struct store *store, int64_t before, struct fault *f)
{
	if (!forget(store, before, f))
		return 0;
	if (sqlite3_errcode(store->db) != SQLITE_ERROR)
		return -1;
	if (sqlite3_exec(store->db, table, NULL, NULL, NULL) != SQLITE_OK)
		return store_fault(store, "make a table", f);
	return forget(store, before, f);
}

static int count(struct store *store, int64_t *number, struct fault *f)
{
	return row_number(store, "SELECT count(*) FROM signatures", NULL, "count the signatures",
			  number, f);
}

static int add(struct store *store, const char *signature, int64_t expires, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	if (store_prepare(store, "INSERT INTO signatures VALUES (?, ?)", &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, expires);
	store_bind_text(statement, 2, signature);
	r = sqlite3_step(statement);
	if (r == SQLITE_CONSTRAINT)
		return -EEXIST;
	return r == SQLITE_DONE ? 0 : store_fault(store, "keep a signature", f);
}

/**
 * store_take_signature() - keep the signature of a change
 * @expires: the last second at which a request with this signature is accepted
 * @now: seconds since the epoch
 *
 * Call it between store_begin() and store_commit().
 *
 * Return: 0; -EEXIST when a change with this signature was made; -ENOSPC when there are
 * STORE_SIGNATURES_MAX; -1 with @f.
 */
int store_take_signature(struct store *store, const char *signature, int64_t expires, int64_t now,
			 struct fault *f)
{
	int64_t number;

	if (forget_or_make(store, now - STORE_SIGNATURES_MARGIN, f) || count(store, &number, f))
		return -1;
	if (number >= STORE_SIGNATURES_MAX && (forget(store, now, f) || count(store, &number, f)))
		return -1;
	if (number >= STORE_SIGNATURES_MAX)
		return -ENOSPC;
	return add(store, signature, expires, f);
}
