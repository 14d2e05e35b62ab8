// SPDX-License-Identifier: MIT
/*
 * Puts a copy of the database in place of the database, while no KMS runs.
 *
 * Must never replace the database by a copy that would not open. Must never leave the log of another
 * database beside the copy. Must never take an old copy unasked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kms/store/store.h"
#include "kms/store/store_counter.h"
#include "kms/store/store_row.h"
#include "lib/base/database.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/text.h"

static int refuse_old(const struct store *copy, const char *file, struct fault *f)
{
	if (copy->counter.change == COUNTER_UNKNOWN)
		return fault_set(f, "InvalidConfiguration",
				 "The counter of the key store is lost, so nobody knows whether %.400s is its last state. Nothing was changed. If it is meant to count, add --accept-rollback.",
				 file);
	return fault_set(f, "InvalidConfiguration",
			 "%.400s is an old copy: it is at change %" PRId64
			 ", the key store was at %" PRId64
			 ". Nothing was changed. If the states of its keys and grants at that time are meant to count again, add --accept-rollback.",
			 file, copy->head.change, copy->counter.change);
}

/* Reads the copy as a start does. Return: 0 or -1 with @f */
static int check(struct store *copy, const struct store_setup *setup, const char *file,
		 struct fault *f)
{
	struct fault old;
	int64_t version;

	if (store_find(file, f) || counter_open(copy, setup->counter, f))
		return -1;
	if (sqlite3_open_v2(file, &copy->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL))
		return store_fault(copy, "read its backup", f);
	if (store_read_head(copy, file, &version, f))
		return -1;
	if (version == 0)
		return store_headless(file, f);
	if (version >= STORE_VERSION_SET && store_check_set(copy, file, f))
		return -1;
	if (!setup->accept && counter_check(copy, file, &old))
		return refuse_old(copy, file, f);
	return 0;
}

static int tell(const struct store *copy, const struct store_setup *setup, const char *file,
		struct fault *f)
{
	struct json_object *details = json_object_new_object();

	json_add_string(details, "file", file);
	json_add_int(details, "storeChange", copy->head.change);
	if (copy->counter.change != COUNTER_UNKNOWN)
		json_add_int(details, "counterChange", copy->counter.change);
	json_add_bool(details, "acceptRollback", setup->accept);
	return setup->event("RestoreKeyStore", details, setup->userdata, f);
}

static int failed(const char *path, const char *why, struct fault *f)
{
	return fault_set(f, "KMSInternalException",
			 "The key store %.400s cannot be restored: %s. Check its disk, and run the command again.",
			 path, why);
}

/* Writes the new file beside the database, and syncs it. */
static int write_new(struct store *copy, const char *path, struct fault *f)
{
	sqlite3 *to = NULL;
	int fd, r;

	unlink(path); /* of a restore that a crash has ended */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(path, strerror(errno), f);
	r = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL);
	if (!r)
		r = database_copy(copy->db, to);
	if (!r)
		r = sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	sqlite3_close(to);
	if (r)
		failed(path, sqlite3_errstr(r), f);
	else if (fsync(fd))
		r = failed(path, strerror(errno), f);
	close(fd);
	return r ? -1 : 0;
}

static int remove_beside(const char *path, const char *end, struct fault *f)
{
	_cleanup_text_ char *file = text_format("%s%s", path, end);

	if (!file)
		return failed(path, strerror(ENOMEM), f);
	return unlink(file) && errno != ENOENT ? failed(file, strerror(errno), f) : 0;
}

/*
 * The log goes first: a crash leaves the old main file without its log, which no start takes for the
 * present one.
 */
static int replace(struct store *copy, const char *path, struct fault *f)
{
	_cleanup_text_ char *new = text_format("%s.restore", path);

	if (!new)
		return failed(path, strerror(ENOMEM), f);
	if (write_new(copy, new, f) || remove_beside(path, "-wal", f) ||
	    remove_beside(path, "-shm", f) || remove_beside(path, "-journal", f)) {
		unlink(new);
		return -1;
	}
	file_sync_folder(path);
	if (rename(new, path))
		return failed(path, strerror(errno), f);
	file_sync_folder(path);
	return 0;
}

/**
 * store_restore() - put @file in place of the database, and open it
 * @setup: of store_open(), with an event; the caller has the lock of the store
 * @file: a copy by store_backup(), of the same root key
 * @f: InvalidConfiguration if the copy would not open, or if it is old and the setup does not accept it;
 *	then nothing was changed
 *
 * The event "RestoreKeyStore" comes before the change.
 *
 * Return: 0 or -1.
 */
int store_restore(const struct store_setup *setup, const char *file, struct store **ret,
		  struct fault *f)
{
	struct store copy = {
		.root = setup->root, .counter.fd = -1, .disk.log_fd = -1, .disk.index_fd = -1
	};
	_cleanup_text_ char *path = text_format("%s/kms.sqlite", setup->directory);
	int r;

	if (!path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	r = check(&copy, setup, file, f) || tell(&copy, setup, file, f) || replace(&copy, path, f);
	sqlite3_close(copy.db);
	if (copy.counter.fd >= 0)
		close(copy.counter.fd);
	return r ? -1 : store_open(setup, ret, f);
}
