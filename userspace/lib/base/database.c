// SPDX-License-Identifier: MIT
#include "lib/base/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * database_uri() - name a database for SQLITE_OPEN_URI
 * @path: of the file; any byte may be in it
 * @options: of the URI, such as "mode=ro&immutable=1"
 *
 * Return: the URI, to be freed, or NULL without memory.
 */
char *database_uri(const char *path, const char *options)
{
	/* Without the empty name of a host the second slash of "//folder/file" would begin one. */
	const char *begin = *path == '/' ? "file://" : "file:";
	char *uri = malloc(strlen(begin) + 3 * strlen(path) + 1 + strlen(options) + 1), *end;

	if (!uri)
		return NULL;
	for (end = stpcpy(uri, begin); *path; path++) {
		if (strchr("%?#", *path))
			end += sprintf(end, "%%%02x", (unsigned char)*path);
		else
			*end++ = *path;
	}
	*end++ = '?';
	strcpy(end, options);
	return uri;
}

/**
 * database_copy() - copy all pages, as they are, in one transaction of @from
 *
 * Return: an SQLITE_ code. SQLITE_BUSY when another program has one of the two for itself. By sqlite's
 * documentation the end of a copy need not say so.
 */
int database_copy(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int step, r;

	if (!backup)
		return sqlite3_errcode(to);
	step = sqlite3_backup_step(backup, -1);
	r = sqlite3_backup_finish(backup);
	if (r)
		return r;
	return step == SQLITE_DONE ? SQLITE_OK : step;
}

/**
 * database_in_memory() - open a database in memory
 * @from: copied into it; NULL for an empty one
 * @ret: for sqlite3_close(), also after a failure
 *
 * Return: an SQLITE_ code, as database_copy().
 */
int database_in_memory(sqlite3 *from, sqlite3 **ret)
{
	int r = sqlite3_open_v2(":memory:", ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	return r == SQLITE_OK && from ? database_copy(from, *ret) : r;
}
