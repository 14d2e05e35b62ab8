// SPDX-License-Identifier: MIT
/*
 * A copy of the database, made while another process serves with it.
 *
 * Must never hold up a change of the process that serves: a reader of the log does not. Must never leave
 * a copy that would not open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "lib/base/database.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

static int failed(const char *file, const char *why, struct fault *f)
{
	return fault_set(f, "KMSInternalException",
			 "The backup %s cannot be written: %s. Nothing was left of it.", file, why);
}

static int copy(struct store *store, const char *file, struct fault *f)
{
	sqlite3 *to = NULL;
	int r = sqlite3_open_v2(file, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL);

	if (!r)
		r = database_copy(store->db, to); /* the store between two changes */
	/* One file, without a log beside it. */
	if (!r)
		r = sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	sqlite3_close(to);
	return r ? failed(file, sqlite3_errstr(r), f) : 0;
}

/* Reads the copy as a start does, with the root key. */
static int check_copy(const struct secret *root, const char *file, struct fault *f)
{
	struct store *store = calloc(1, sizeof(*store));
	int64_t version;
	int r = -1;

	if (!store)
		return fault_set(f, "InternalFailure", "Out of memory.");
	store->root = root;
	store->counter.fd = -1;
	store->disk.log_fd = -1;
	store->disk.index_fd = -1;
	if (sqlite3_open_v2(file, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL))
		store_fault(store, "read its backup", f);
	else if (!store_read_head(store, file, &version, f))
		r = version >= STORE_VERSION_SET ? store_check_set(store, file, f)
						 : store_headless(file, f);
	store_close(store);
	return r ? -1 : 0;
}

static int make_file(const char *file, struct fault *f)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fault_set(f, "InvalidConfiguration",
				 "The backup %s cannot be made: %s. Give the path of a new file.",
				 file, strerror(errno));
	close(fd);
	return 0;
}

/**
 * store_backup() - copy the database in @directory to @file, also beside a running KMS
 * @root: the root key of the store, to check the copy
 * @file: must not exist
 *
 * Return: 0 or -1, then there is no @file of this call.
 */
int store_backup(const char *directory, const struct secret *root, const char *file,
		 struct fault *f)
{
	struct store store = { .counter.fd = -1, .disk.log_fd = -1, .disk.index_fd = -1 };
	_cleanup_text_ char *path = text_format("%s/kms.sqlite", directory);
	int r;

	if (!path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (store_find(path, f) || make_file(file, f))
		return -1;
	r = sqlite3_open_v2(path, &store.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
	sqlite3_busy_timeout(store.db, STORE_BUSY_MSEC);
	if (r)
		store_fault(&store, "be read", f);
	else
		r = copy(&store, file, f) || check_copy(root, file, f);
	sqlite3_close(store.db);
	if (r)
		unlink(file);
	else
		file_sync_folder(file);
	return r ? -1 : 0;
}
