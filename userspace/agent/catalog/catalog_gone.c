// SPDX-License-Identifier: MIT
/* See catalog_gone.h. */
#include "agent/catalog/catalog_gone.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/database.h"
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
	int r = sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				NULL);

	if (r == SQLITE_OK)
		r = database_copy(file->db, memory);
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

/**
 * catalog_gone_write() - write the copy where the file was, if nothing is there
 *
 * Without its folder the file is waited for: a new folder would be in the way of the old one that
 * somebody puts back.
 *
 * Return: 0 if there is a file now, or -1.
 */
int catalog_gone_write(const char *path, const struct catalog_file *file)
{
	_cleanup_text_ char *aside = text_format("%s.anew", path);
	sqlite3 *anew = NULL;
	struct stat st;
	int r;

	if (stat(path, &st) == 0)
		return 0;
	if (!aside)
		return -1;
	unlink(aside);
	r = sqlite3_open_v2(aside, &anew, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (r == SQLITE_OK)
		r = database_copy(file->db, anew);
	sqlite3_close(anew);
	/* A file that somebody has put back meanwhile is not overwritten. */
	if (r == SQLITE_OK && link(aside, path) < 0 && errno != EEXIST)
		r = SQLITE_CANTOPEN;
	unlink(aside);
	return r == SQLITE_OK ? 0 : -1;
}
