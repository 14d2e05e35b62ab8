// SPDX-License-Identifier: MIT
/*
 * A look at the database that another process may have open.
 *
 * Must never write: not even what a power cut has left for the next start to keep or to undo.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "lib/base/database.h"
#include "lib/base/text.h"

#define LOG_HEADER_BYTES 32 /* of sqlite's file format */

/* How long is the file beside the database whose name has @end behind it? */
static off_t bytes_of(const char *path, const char *end)
{
	_cleanup_text_ char *file = text_format("%s%s", path, end);
	struct stat st;

	return file && !stat(file, &st) ? st.st_size : 0;
}

static bool has_bytes(const char *path, const char *end)
{
	return bytes_of(path, end) > 0;
}

/*
 * A program was killed behind the header of a new log, whose index is still that of the log before. The
 * log has no change, and the database has all of them. sqlite cannot read the two without writing: it
 * tries for ten seconds. A KMS that runs is in between for a moment, and writes to the database later.
 */
static bool has_header_alone(const char *path)
{
	return bytes_of(path, "-wal") == LOG_HEADER_BYTES;
}

/* The next start takes the changes from the log, or rolls back the one that a power cut interrupted. */
static bool waits_for_start(const char *path)
{
	return !has_bytes(path, "-shm") && (has_bytes(path, "-wal") || has_bytes(path, "-journal"));
}

/*
 * The URI of @path. Beside a running KMS its log is read. Without one no file of a log is made: nobody
 * writes, and a KMS that starts meanwhile begins with the same head.
 */
static char *uri_of(const char *path)
{
	bool index = has_bytes(path, "-shm") && !has_header_alone(path);

	return database_uri(path, index ? "mode=ro&readonly_shm=1" : "mode=ro&immutable=1");
}

/*
 * A text that took the place of the database, while the log still has each page, is SQLITE_NOTADB. The
 * bytes are read through sqlite: in the running KMS, the close of a descriptor of our own would drop the
 * locks that sqlite holds on the file.
 */
static int check_magic(struct store *store)
{
	static const char magic[] = "SQLite format 3"; /* with its NUL */
	char seen[sizeof(magic)] = "";
	sqlite3_file *file = NULL;
	int r = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

	if (!r)
		r = file->pMethods->xRead(file, seen, sizeof(seen), 0);
	if (r && r != SQLITE_IOERR_SHORT_READ)
		return r;
	return memcmp(seen, magic, sizeof(magic)) ? SQLITE_NOTADB : SQLITE_OK;
}

static int open_file(struct store *store, const char *path)
{
	_cleanup_text_ char *uri = uri_of(path);
	int r;

	if (!uri)
		return SQLITE_NOMEM;
	r = sqlite3_open_v2(uri, &store->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI, NULL);
	if (r)
		return r;
	sqlite3_busy_timeout(store->db, STORE_BUSY_MSEC);
	return check_magic(store);
}

static int cannot_open(const char *path, const char *why, struct fault *f)
{
	return fault_set(f, "InvalidConfiguration",
			 "The key store %s cannot be opened: %s. Check the path and its permissions.",
			 path, why);
}

static int read_head(struct store *store, const char *path, struct fault *f)
{
	int64_t version;

	if (sqlite3_exec(store->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL))
		return cannot_open(path, sqlite3_errmsg(store->db), f);
	if (store_read_head(store, path, &version, f))
		return -1;
	if (version == 0)
		return store_headless(path, f);
	return version >= STORE_VERSION_SET ? store_check_set(store, path, f) : 0;
}

/* Opens and reads what is there; what waits for a start is not opened. Return: 0 or -1 */
static int look(const char *path, const struct secret *root, int64_t *sequence, struct fault *f)
{
	struct store *store = calloc(1, sizeof(*store));
	bool waits;
	int r;

	if (!store)
		return fault_set(f, "InternalFailure", "Out of memory.");
	store->root = root;
	store->counter.fd = -1;
	store->disk.log_fd = -1;
	store->disk.index_fd = -1;
	waits = waits_for_start(path);
	r = open_file(store, path);
	if (r)
		r = cannot_open(path, sqlite3_errstr(r), f);
	else if (!waits)
		r = read_head(store, path, f);
	*sequence = store->sequence;
	store_close(store);
	return r;
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

	if (!path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	return store_find(path, f) ? -1 : look(path, root, &(int64_t){ 0 }, f);
}

/**
 * store_read_sequence() - as store_last_sequence(), of the database that another process may have open
 * @directory: of kms.sqlite
 * @sequence: set; 0 also without a database, and while the next start has to read its log
 *
 * Return: 0 or -1.
 */
int store_read_sequence(const char *directory, const struct secret *root, int64_t *sequence,
			struct fault *f)
{
	_cleanup_text_ char *path = text_format("%s/kms.sqlite", directory);

	*sequence = 0;
	if (!path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	return store_missing(directory) ? 0 : look(path, root, sequence, f);
}
