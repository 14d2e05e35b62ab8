// SPDX-License-Identifier: MIT
/*
 * Clusters in sqlite. Each change is on the disk when its function returns. catalog_file.c opens the
 * file, and says what is used in place of a file that cannot be opened.
 */
#include "agent/catalog/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/catalog_file.h"
#include "agent/catalog/catalog_gone.h"
#include "agent/catalog/statement.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

/**
 * struct catalog - owned by the agent, used in the event loop only
 * @path: of the file, owned
 * @file: the open database
 * @trouble: a change is not in the file; code "" for none
 * @on_trouble, @userdata: called when @trouble begins
 */
struct catalog {
	char *path;
	struct catalog_file file;
	struct fault trouble;
	void (*on_trouble)(void *userdata);
	void *userdata;
};

/**
 * catalog_follow() - notice that the file was moved away or deleted
 *
 * Nothing is written into such a file: the next agent would not find it.
 */
void catalog_follow(struct catalog *catalog)
{
	bool first = !catalog->trouble.code[0];
	struct fault f;

	if (!catalog_gone_is(&catalog->file))
		return;
	if (catalog_gone_take(catalog->path, &catalog->file, &f) < 0) {
		log_error("%s", f.message);
		return;
	}
	catalog->trouble = catalog->file.trouble;
	if (first && catalog->on_trouble)
		catalog->on_trouble(catalog->userdata);
}

/** catalog_db() - the open database, for a statement; before each one the file is looked for */
struct sqlite3 *catalog_db(struct catalog *catalog)
{
	catalog_follow(catalog);
	return catalog->file.db;
}

/**
 * catalog_failed() - a statement has failed: fill the fault, and note what keeps changes from the file
 * @what: "write"
 * @object: "the catalog"
 *
 * Return: -1.
 */
int catalog_failed(struct catalog *catalog, const char *what, const char *object, struct fault *f)
{
	struct fault why = { 0 };
	bool first = !catalog->trouble.code[0];

	if (!catalog_file_fault(&catalog->file, catalog->path, &why))
		return fault_set(f, "InternalFailure", "Cannot %s %s: %s.", what, object,
				 sqlite3_errmsg(catalog->file.db));
	catalog->trouble = why;
	if (first && catalog->on_trouble)
		catalog->on_trouble(catalog->userdata);
	return fault_set(f, why.code, "Cannot %s %s. %s", what, object, why.message);
}

/**
 * catalog_open() - open the catalog, and make it if it does not exist
 * @path: of the file
 * @ret: to be released with catalog_close()
 * @f: names the fault of the file
 *
 * Succeeds also when the file cannot be written or opened: catalog_trouble() says why.
 *
 * Return: 0 or -1.
 */
int catalog_open(const char *path, struct catalog **ret, struct fault *f)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (catalog)
		catalog->path = strdup(path);
	if (!catalog || !catalog->path) {
		catalog_close(catalog);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	if (catalog_file_open(path, &catalog->file, f) < 0) {
		catalog_close(catalog);
		return -1;
	}
	catalog->trouble = catalog->file.trouble;
	*ret = catalog;
	return 0;
}

/** catalog_trouble() - why changes are not in the file; NULL when all of them are */
const struct fault *catalog_trouble(const struct catalog *catalog)
{
	return catalog->trouble.code[0] ? &catalog->trouble : NULL;
}

/** catalog_repaired() - what was damaged when the file was opened; NULL when nothing was */
const struct fault *catalog_repaired(const struct catalog *catalog)
{
	return catalog->file.repaired.code[0] ? &catalog->file.repaired : NULL;
}

/** catalog_on_trouble() - call @on_trouble when changes no longer get into the file */
void catalog_on_trouble(struct catalog *catalog, void (*on_trouble)(void *userdata), void *userdata)
{
	catalog->on_trouble = on_trouble;
	catalog->userdata = userdata;
}

/* The copy of a file that has gone is given up for a file that is in use. Return: false if none is. */
static bool take_back(struct catalog *catalog)
{
	struct catalog_file next;
	struct fault f;

	if (catalog_gone_write(catalog->path, &catalog->file) < 0)
		return false;
	if (catalog_file_open(catalog->path, &next, &f) < 0 || next.in_memory) {
		catalog_file_close(&next);
		return false;
	}
	catalog_file_close(&catalog->file);
	catalog->file = next;
	return true;
}

/**
 * catalog_reopen() - open the file again after trouble
 *
 * The trouble lasts until catalog_settled(): the caller first stores what the file may lack.
 *
 * Return: true if the file is in use now, and was not before.
 */
bool catalog_reopen(struct catalog *catalog)
{
	bool before = catalog->file.in_memory;
	struct fault f, ignored;

	if (catalog->file.gone) {
		if (take_back(catalog) && catalog->file.trouble.code[0])
			catalog->trouble = catalog->file.trouble;
		/* The agent has known all of a file that has gone. */
		return false;
	}
	catalog_file_close(&catalog->file);
	if (catalog_file_open(catalog->path, &catalog->file, &f) < 0) {
		catalog_file_close(&catalog->file);
		catalog_file_in_memory(catalog->path, &catalog->file, &ignored);
		/* Such as a file that a newer agent wrote: no change gets into it. */
		catalog->file.trouble = f;
	}
	if (catalog->file.trouble.code[0])
		catalog->trouble = catalog->file.trouble;
	return before && !catalog->file.in_memory;
}

/** catalog_settled() - the file has every change; false if it cannot be written even so */
bool catalog_settled(struct catalog *catalog)
{
	if (catalog->file.trouble.code[0])
		return false;
	catalog->trouble = (struct fault){ 0 };
	return true;
}

static void column_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, column));
}

static struct cluster *from_row(sqlite3_stmt *s)
{
	struct cluster *c = calloc(1, sizeof(*c));
	struct key_ref ref;
	char status[64];
	int size;

	if (!c)
		return NULL;
	column_text(s, 0, c->volume_id, sizeof(c->volume_id));
	column_text(s, 1, c->id, sizeof(c->id));
	column_text(s, 2, c->resource_id, sizeof(c->resource_id));
	c->device = text_format("%s", (const char *)sqlite3_column_text(s, 3));
	column_text(s, 4, c->key_arn, sizeof(c->key_arn));
	column_text(s, 5, c->region, sizeof(c->region));
	column_text(s, 6, c->account, sizeof(c->account));
	column_text(s, 7, status, sizeof(status));
	column_text(s, 8, c->reason, sizeof(c->reason));
	c->created = sqlite3_column_int64(s, 9);
	c->denied_since = sqlite3_column_int64(s, 10);
	size = sqlite3_column_bytes(s, 11);
	column_text(s, 12, c->header_sha256, sizeof(c->header_sha256));
	if (!c->device || !cluster_status_parse(status, &c->status) ||
	    size > VOLUME_WRAPPED_KEY_MAX) {
		log_error("The catalog's entry of cluster %s is not understood.", c->id);
		cluster_free(c);
		return NULL;
	}
	/* A creation may not have resolved its key: the column has the requested key then. */
	if (c->status == CLUSTER_CREATING) {
		memcpy(c->requested_key, c->key_arn, sizeof(c->requested_key));
		if (key_ref_parse(c->key_arn, &ref, NULL) < 0 || ref.kind != KEY_REF_ARN)
			c->key_arn[0] = 0;
	}
	if (size)
		memcpy(c->wrapped_key, sqlite3_column_blob(s, 11), (size_t)size);
	c->wrapped_key_size = (size_t)size;
	return c;
}

/** catalog_load() - hand every cluster to @each; 0 or -1 */
int catalog_load(struct catalog *catalog, catalog_each_t each, void *userdata, struct fault *f)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(catalog_db(catalog),
				   "SELECT volume_id, id, resource_id, device, key_arn, region, account,"
				   " status, reason, created, denied_since, wrapped_key, header_sha256"
				   " FROM cluster ORDER BY created, id",
				   -1, &statement, NULL);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		struct cluster *cluster;

		r = sqlite3_step(statement);
		cluster = r == SQLITE_ROW ? from_row(statement) : NULL;
		if (cluster)
			each(cluster, userdata);
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", "the catalog", f);
}

/**
 * catalog_store() - write a cluster, new or changed; it is on the disk on return
 *
 * Return: 0 or -1.
 */
int catalog_store(struct catalog *catalog, const struct cluster *c, struct fault *f)
{
	const char *const text[] = { c->volume_id,   c->id,
				     c->resource_id, c->device,
				     cluster_key(c), c->region,
				     c->account,     cluster_status_name(c->status),
				     c->reason };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"INSERT INTO cluster VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
				" ON CONFLICT (volume_id) DO UPDATE SET device=excluded.device,"
				" key_arn=excluded.key_arn, status=excluded.status,"
				" reason=excluded.reason, denied_since=excluded.denied_since,"
				" wrapped_key=excluded.wrapped_key,"
				" header_sha256=excluded.header_sha256",
				text, 9, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 10, c->created);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 11, c->denied_since);
	/* Not NULL even when empty. */
	if (r == SQLITE_OK)
		r = sqlite3_bind_blob(statement, 12, c->wrapped_key, (int)c->wrapped_key_size,
				      SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_bind_text(statement, 13, c->header_sha256, -1, SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "write", "the catalog", f);
}

/**
 * catalog_begin() - begin changes that reach the disk together
 *
 * No change is on the disk before catalog_end().
 *
 * Return: 0 or -1.
 */
int catalog_begin(struct catalog *catalog, struct fault *f)
{
	int r = sqlite3_exec(catalog_db(catalog), "BEGIN IMMEDIATE", NULL, NULL, NULL);

	return r == SQLITE_OK ? 0 : catalog_failed(catalog, "change", "the catalog", f);
}

/**
 * catalog_end() - end the changes since catalog_begin()
 * @keep: false undoes them
 *
 * Return: 0 when they are on the disk, or undone as asked; or -1, and they are undone.
 */
int catalog_end(struct catalog *catalog, bool keep, struct fault *f)
{
	if (keep && sqlite3_exec(catalog->file.db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	if (keep)
		catalog_failed(catalog, "write", "the catalog", f);
	sqlite3_exec(catalog->file.db, "ROLLBACK", NULL, NULL, NULL);
	return keep ? -1 : 0;
}

/**
 * catalog_erase_log() - after catalog_delete(): nothing of the cluster stays in the file
 *
 * The file's own pages are overwritten by secure_delete. The log would keep older ones until others
 * take their place. A reader beside the agent keeps the log, and it is erased with a later one.
 */
void catalog_erase_log(struct catalog *catalog)
{
	sqlite3_exec(catalog->file.db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
}

/** catalog_delete() - forget a cluster; 0, also when it was not there, or -1 */
int catalog_delete(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	int r = statement_run(catalog_db(catalog), "DELETE FROM cluster WHERE volume_id = ?",
			      &volume_id, 1);

	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "change", "the catalog", f);
}

/** catalog_close() - NULL is fine */
void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
	catalog_file_close(&catalog->file);
	free(catalog->path);
	free(catalog);
}
