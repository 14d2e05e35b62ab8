// SPDX-License-Identifier: MIT
/*
 * Clusters in sqlite. Each change is on the disk when its function returns (WAL, synchronous=FULL). A
 * damaged file is set aside, never overwritten.
 */
#include "agent/catalog/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/catalog/statement.h"
#include "lib/base/log.h"

#define SCHEMA_VERSION 1

struct catalog {
	sqlite3 *db;
};

static const char schema[] = "BEGIN;"
			     "CREATE TABLE cluster ("
			     "  volume_id TEXT PRIMARY KEY NOT NULL,"
			     "  id TEXT UNIQUE NOT NULL COLLATE NOCASE,"
			     "  resource_id TEXT UNIQUE NOT NULL,"
			     "  device TEXT NOT NULL,"
			     "  key_arn TEXT NOT NULL,"
			     "  region TEXT NOT NULL,"
			     "  account TEXT NOT NULL,"
			     "  status TEXT NOT NULL,"
			     "  reason TEXT NOT NULL,"
			     "  created INTEGER NOT NULL,"
			     "  denied_since INTEGER NOT NULL,"
			     "  wrapped_key BLOB NOT NULL,"
			     "  header_sha256 TEXT NOT NULL"
			     ") STRICT;"
			     "PRAGMA user_version = 1;"
			     "COMMIT;";

/* Catalogs of older agents have no such tables; older agents ignore them. */
static const char later_schema[] =
	"CREATE TABLE IF NOT EXISTS job ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  step TEXT NOT NULL,"
	"  made TEXT NOT NULL,"
	"  begun INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE IF NOT EXISTS place ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  disk TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS place_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM place WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS kms_grant ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  kms TEXT NOT NULL,"
	"  access_key TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS kms_grant_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM kms_grant WHERE volume_id = OLD.volume_id; END;";

/** catalog_db() - the open file, for jobs.c and places.c */
struct sqlite3 *catalog_db(struct catalog *catalog)
{
	return catalog->db;
}

static int sql_fault(struct catalog *catalog, const char *what, struct fault *f)
{
	return fault_set(f, "InternalFailure", "Cannot %s the catalog: %s.", what,
			 sqlite3_errmsg(catalog->db));
}

static int user_version(sqlite3 *db, int *ret)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);

	if (r == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		*ret = sqlite3_column_int(statement, 0);
	else if (r == SQLITE_OK)
		r = sqlite3_errcode(db);
	sqlite3_finalize(statement);
	return r;
}

static bool is_damaged(int r)
{
	return (r & 0xff) == SQLITE_NOTADB || (r & 0xff) == SQLITE_CORRUPT;
}

/* Return: an SQLITE_ code; *version is that of the file, 0 for a new one. */
static int open_file(struct catalog *catalog, const char *path, int *version)
{
	int r = sqlite3_open_v2(path, &catalog->db,
				SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				NULL);

	if (r != SQLITE_OK)
		return r;
	sqlite3_busy_timeout(catalog->db, 2000);
	r = sqlite3_exec(catalog->db,
			 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			 "PRAGMA integrity_check;",
			 NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = user_version(catalog->db, version);
	if (r == SQLITE_OK && *version == 0)
		r = sqlite3_exec(catalog->db, schema, NULL, NULL, NULL);
	/* A full disk must not keep the agent from its leases: it goes on without the tables. */
	if (r == SQLITE_OK && *version <= SCHEMA_VERSION &&
	    sqlite3_exec(catalog->db, later_schema, NULL, NULL, NULL) != SQLITE_OK)
		log_error("The catalog %s gets no tables of jobs, disks and grants: %s.", path,
			  sqlite3_errmsg(catalog->db));
	return r;
}

static int set_aside(const char *path)
{
	char aside[4096];

	snprintf(aside, sizeof(aside), "%s.damaged-%lld", path, (long long)time(NULL));
	if (rename(path, aside) < 0)
		return -1;
	log_error("The catalog %s is damaged: kept as %s. A new one is made from the volume headers.",
		  path, aside);
	return 0;
}

/**
 * catalog_open() - open the catalog, and make it if it does not exist
 * @path: of the file; the folder must exist
 * @ret: to be released with catalog_close()
 * @f: names the fault of the file
 *
 * Return: 0 or -1.
 */
int catalog_open(const char *path, struct catalog **ret, struct fault *f)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));
	int version = 0, r;

	if (!catalog)
		return fault_set(f, "InternalFailure", "Out of memory.");
	r = open_file(catalog, path, &version);
	if (is_damaged(r) && set_aside(path) == 0) {
		sqlite3_close(catalog->db);
		r = open_file(catalog, path, &version);
	}
	if (r == SQLITE_OK && version > SCHEMA_VERSION)
		fault_set(f, "InvalidConfiguration",
			  "The catalog %s was written by a newer enveloped. Install that version again.",
			  path);
	else if (r != SQLITE_OK)
		fault_set(f, "InvalidConfiguration", "Cannot open the catalog %s: %s.", path,
			  sqlite3_errmsg(catalog->db));
	else {
		*ret = catalog;
		return 0;
	}
	catalog_close(catalog);
	return -1;
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
	column_text(s, 3, c->device, sizeof(c->device));
	column_text(s, 4, c->key_arn, sizeof(c->key_arn));
	column_text(s, 5, c->region, sizeof(c->region));
	column_text(s, 6, c->account, sizeof(c->account));
	column_text(s, 7, status, sizeof(status));
	column_text(s, 8, c->reason, sizeof(c->reason));
	c->created = sqlite3_column_int64(s, 9);
	c->denied_since = sqlite3_column_int64(s, 10);
	size = sqlite3_column_bytes(s, 11);
	column_text(s, 12, c->header_sha256, sizeof(c->header_sha256));
	if (!cluster_status_parse(status, &c->status) || size > VOLUME_WRAPPED_KEY_MAX) {
		log_error("The catalog's entry of cluster %s is not understood.", c->id);
		free(c);
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
	int r = sqlite3_prepare_v2(catalog->db,
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
	return r == SQLITE_DONE ? 0 : sql_fault(catalog, "read", f);
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
	int r = statement_begin(catalog->db,
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
	return r == SQLITE_DONE ? 0 : sql_fault(catalog, "write", f);
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
	int r = sqlite3_exec(catalog->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	return r == SQLITE_OK ? 0 : sql_fault(catalog, "change", f);
}

/**
 * catalog_end() - end the changes since catalog_begin()
 * @keep: false undoes them
 *
 * Return: 0 when they are on the disk, or undone as asked; or -1, and they are undone.
 */
int catalog_end(struct catalog *catalog, bool keep, struct fault *f)
{
	if (keep && sqlite3_exec(catalog->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	if (keep)
		sql_fault(catalog, "write", f);
	sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
	return keep ? -1 : 0;
}

/** catalog_delete() - forget a cluster; 0, also when it was not there, or -1 */
int catalog_delete(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	int r = statement_run(catalog->db, "DELETE FROM cluster WHERE volume_id = ?", &volume_id,
			      1);

	return r == SQLITE_DONE ? 0 : sql_fault(catalog, "change", f);
}

/** catalog_close() - NULL is fine */
void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
	sqlite3_close(catalog->db);
	free(catalog);
}
