// SPDX-License-Identifier: MIT
/* See catalog_gone.h. */
#include "agent/catalog/catalog_gone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/database.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

/** catalog_gone_is() - is another file, or none, where the file was? In a transaction: no */
bool catalog_gone_is(const struct catalog_file *file)
{
	int moved = 0;

	if (file->in_memory || !sqlite3_get_autocommit(file->db))
		return false;
	return sqlite3_file_control(file->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
		       SQLITE_OK &&
	       moved;
}

/**
 * catalog_gone_take() - take a copy in memory, which takes no change, in place of the open file
 * @path: of the file
 * @f: without memory
 *
 * Return: 0 or -1.
 */
int catalog_gone_take(const char *path, struct catalog_file *file, struct fault *f)
{
	sqlite3 *memory = NULL;
	int r = database_in_memory(file->db, &memory);

	if (r == SQLITE_OK)
		r = sqlite3_exec(memory, "PRAGMA query_only=1", NULL, NULL, NULL);
	if (r != SQLITE_OK) {
		sqlite3_close(memory);
		return fault_set(f, "InternalFailure", "A catalog in memory cannot be made: %s.",
				 sqlite3_errstr(r));
	}
	/* SQLite leaves the log at the path alone: it may be another catalog's by now. */
	catalog_file_close(file);
	file->db = memory;
	file->in_memory = true;
	file->gone = true;
	fault_set(&file->trouble, "CatalogUnavailable",
		  "The catalog %.300s was moved away or deleted under the running agent. Leases are renewed all the same. Put its folder back, or make an empty one: then the agent writes the catalog by itself. If it cannot write there, restart enveloped after that.",
		  path);
	return 0;
}

/* The pages of a database, without what differs in a copy of it: the kind of its log, and counters. */
static unsigned char *pages(sqlite3 *db, sqlite3_int64 *size)
{
	unsigned char *bytes = sqlite3_serialize(db, "main", size, 0);

	if (!bytes || *size < 100)
		return bytes;
	memset(bytes + 18, 0, 2);
	memset(bytes + 24, 0, 4);
	memset(bytes + 92, 0, 8);
	return bytes;
}

static bool has_same_pages(sqlite3 *a, sqlite3 *b)
{
	sqlite3_int64 a_size = 0, b_size = 0;
	unsigned char *a_pages = pages(a, &a_size), *b_pages = pages(b, &b_size);
	bool same = a_pages && b_pages && a_size == b_size &&
		    !memcmp(a_pages, b_pages, (size_t)a_size);

	sqlite3_free(a_pages);
	sqlite3_free(b_pages);
	return same;
}

/* Return: 1 if the file at @path has what the copy has, 0 if it has not, -1 if that is not known. */
static int is_ours(const char *path, sqlite3 *copy)
{
	sqlite3 *there = NULL;
	int r = sqlite3_open_v2(path, &there, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_exec(there, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = has_same_pages(there, copy) ? SQLITE_DONE : SQLITE_OK;
	sqlite3_close(there);
	if ((r & 0xff) == SQLITE_BUSY || (r & 0xff) == SQLITE_IOERR || (r & 0xff) == SQLITE_NOMEM)
		return -1;
	return r == SQLITE_DONE;
}

static bool move(const char *path, const char *aside, const char *end)
{
	_cleanup_text_ char *from = text_format("%s%s", path, end);
	_cleanup_text_ char *to = text_format("%s%s", aside, end);

	return from && to && (rename(from, to) == 0 || errno == ENOENT);
}

/* Moves a file that is not the agent's away, with its log, which would be read into the agent's. */
static int set_aside(const char *path, bool there)
{
	_cleanup_text_ char *aside = text_format("%s.foreign-%lld", path, (long long)time(NULL));

	if (!aside || !move(path, aside, "") || !move(path, aside, "-wal") ||
	    !move(path, aside, "-shm"))
		return -1;
	if (there)
		log_warning("The file %s was not the catalog that was moved away, or not all of it: kept as %s. The agent writes its own.",
			    path, aside);
	return 0;
}

/**
 * catalog_gone_write() - write the copy where the file was, unless the file is there again
 *
 * Without its folder the file is waited for: a new folder would be in the way of the old one that
 * somebody puts back. Another catalog there, such as an older one or half a copy, does not know what
 * this agent has done: that a host was fenced, or which volume has which name.
 *
 * Return: 0 if the file has all of the copy now, or -1.
 */
int catalog_gone_write(const char *path, const struct catalog_file *file)
{
	_cleanup_text_ char *aside = text_format("%s.anew", path);
	sqlite3 *anew = NULL;
	struct stat st;
	bool there = stat(path, &st) == 0;
	int r, ours = there ? is_ours(path, file->db) : 0;

	if (ours)
		return ours > 0 ? 0 : -1;
	if (!aside)
		return -1;
	unlink(aside);
	r = sqlite3_open_v2(aside, &anew, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (r == SQLITE_OK)
		r = database_copy(file->db, anew);
	sqlite3_close(anew);
	if (r == SQLITE_OK && (set_aside(path, there) < 0 || link(aside, path) < 0))
		r = SQLITE_CANTOPEN;
	unlink(aside);
	return r == SQLITE_OK ? 0 : -1;
}
