// SPDX-License-Identifier: MIT
/* See reach_list.h. */
#include "agent/catalog/reach_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/catalog/catalog_file.h"
#include "lib/base/text.h"

/**
 * reach_list_add() - append a cluster
 *
 * Return: 0, or -1 without memory.
 */
int reach_list_add(struct reach_list *list, const char *cluster, const struct reach *reach)
{
	struct reach_entry *more = reallocarray(list->entries, list->count + 1, sizeof(*more));
	struct reach_entry *entry;

	if (!more)
		return -1;
	list->entries = more;
	entry = &more[list->count++];
	snprintf(entry->cluster, sizeof(entry->cluster), "%s", cluster);
	entry->reach = *reach;
	return 0;
}

static int append(struct reach_list *list, sqlite3_stmt *row)
{
	struct reach reach;

	snprintf(reach.profile, sizeof(reach.profile), "%s",
		 (const char *)sqlite3_column_text(row, 1));
	snprintf(reach.endpoint, sizeof(reach.endpoint), "%s",
		 (const char *)sqlite3_column_text(row, 2));
	return reach_list_add(list, (const char *)sqlite3_column_text(row, 0), &reach) < 0
		       ? SQLITE_NOMEM
		       : SQLITE_ROW;
}

/* A catalog of an older agent has no table of reaches. */
static bool has_table(sqlite3 *db, int *r)
{
	sqlite3_stmt *statement = NULL;

	*r = sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_schema WHERE name = 'reach'", -1,
				&statement, NULL);
	if (*r == SQLITE_OK)
		*r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return *r == SQLITE_ROW;
}

static int read_rows(sqlite3 *db, struct reach_list *list)
{
	sqlite3_stmt *statement = NULL;
	int r;

	if (!has_table(db, &r))
		return r;
	r = sqlite3_prepare_v2(db,
			       "SELECT id, profile, endpoint FROM reach JOIN cluster USING (volume_id)"
			       " ORDER BY id",
			       -1, &statement, NULL);
	while (r == SQLITE_OK || r == SQLITE_ROW) {
		r = sqlite3_step(statement);
		if (r == SQLITE_ROW)
			r = append(list, statement);
	}
	sqlite3_finalize(statement);
	return r;
}

/**
 * reach_list_read() - read the list
 * @ret: for reach_list_free(), also after a failure; empty without a catalog
 *
 * Return: 0 or -1.
 */
int reach_list_read(const char *state_directory, struct reach_list *ret, struct fault *f)
{
	_cleanup_text_ char *path = text_format("%s/catalog.sqlite", state_directory);
	sqlite3 *db = NULL;
	int r;

	*ret = (struct reach_list){ 0 };
	if (!path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	r = catalog_file_read(path, &db);
	if (r == SQLITE_OK)
		r = read_rows(db, ret);
	sqlite3_close(db);
	if (r == SQLITE_DONE)
		return 0;
	reach_list_free(ret);
	return fault_set(f, "CatalogUnavailable", "The catalog %.400s cannot be read: %s.", path,
			 sqlite3_errstr(r));
}

void reach_list_free(struct reach_list *list)
{
	free(list->entries);
	*list = (struct reach_list){ 0 };
}
