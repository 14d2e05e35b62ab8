// SPDX-License-Identifier: MIT
/*
 * A look at the database that another process may have open.
 *
 * Must never write: not even what a power cut has left for the next start to undo.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "lib/base/text.h"

/* The next start rolls back the change that a power cut interrupted. */
static bool waits_for_start(const struct store *store)
{
	return sqlite3_extended_errcode(store->db) == SQLITE_READONLY_ROLLBACK;
}

static int read_head(struct store *store, const char *path, struct fault *f)
{
	int64_t version;

	if (store_read_head(store, path, &version, f))
		return -1;
	if (version == 0)
		return store_headless(path, f);
	return version == STORE_VERSION ? store_check_set(store, path, f) : 0;
}

/**
 * store_check() - would store_open() open this database?
 *
 * Does not look at the counter: a running KMS writes it between two reads.
 *
 * @directory: of kms.sqlite
 * @f: InvalidConfiguration, as store_open()
 *
 * Return: 0 or -1.
 */
int store_check(const char *directory, const struct secret *root, struct fault *f)
{
	_cleanup_text_ char *path = text_format("%s/kms.sqlite", directory);
	struct store *store;
	int r;

	if (!path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (store_find(path, f))
		return -1;
	store = calloc(1, sizeof(*store));
	if (!store)
		return fault_set(f, "InternalFailure", "Out of memory.");
	store->root = root;
	store->counter.fd = -1;
	r = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
	sqlite3_busy_timeout(store->db, STORE_BUSY_MSEC);
	if (!r)
		r = sqlite3_exec(store->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (r && waits_for_start(store))
		r = 0;
	else if (r)
		r = fault_set(f, "InvalidConfiguration",
			      "The key store %s cannot be opened: %s. Check the path and its permissions.",
			      path, sqlite3_errmsg(store->db));
	else
		r = read_head(store, path, f);
	store_close(store);
	return r;
}
