// SPDX-License-Identifier: MIT
/*
 * Opens the file of the catalog (WAL, synchronous=FULL), and checks it. A damaged file is kept aside,
 * never overwritten.
 *
 * Must never keep the agent from its leases: without room on the disk the file is opened without the
 * index of its log in a file, and every change fails until there is room. A file that cannot be
 * opened is replaced by a copy in memory that takes no change.
 */
#include "agent/catalog/catalog_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/catalog/schema_steps.h"
#include "lib/base/database.h"
#include "lib/base/folder.h"
#include "lib/base/text.h"

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
	"CREATE TABLE IF NOT EXISTS stamp ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  host TEXT NOT NULL,"
	"  boot TEXT NOT NULL,"
	"  time TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS stamp_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM stamp WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS header ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  packed BLOB NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS header_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM header WHERE volume_id = OLD.volume_id; END;"
	/* The copy is of the header that the cluster's row names. */
	"CREATE TRIGGER IF NOT EXISTS header_changes AFTER UPDATE ON cluster"
	" WHEN OLD.header_sha256 <> NEW.header_sha256 OR OLD.wrapped_key <> NEW.wrapped_key"
	" BEGIN DELETE FROM header WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS boot ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  at_boot INTEGER NOT NULL,"
	"  read_only INTEGER NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS boot_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM boot WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS warning ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  text TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS warning_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM warning WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS denial ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  boot TEXT NOT NULL,"
	"  counted INTEGER NOT NULL,"
	"  spent INTEGER NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS denial_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM denial WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS setting ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  allow_discards INTEGER NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS setting_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM setting WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS kms_grant ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  kms TEXT NOT NULL,"
	"  access_key TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS kms_grant_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM kms_grant WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS protection ("
	"  volume_id TEXT PRIMARY KEY NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS protection_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM protection WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS reach ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  profile TEXT NOT NULL,"
	"  endpoint TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS reach_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM reach WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS reservation ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  disk TEXT NOT NULL,"
	"  held INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE IF NOT EXISTS length ("
	"  volume_id TEXT PRIMARY KEY NOT NULL,"
	"  sectors INTEGER NOT NULL"
	") STRICT;"
	"CREATE TRIGGER IF NOT EXISTS length_goes AFTER DELETE ON cluster"
	" BEGIN DELETE FROM length WHERE volume_id = OLD.volume_id; END;"
	"CREATE TABLE IF NOT EXISTS kms_change ("
	"  kms TEXT PRIMARY KEY NOT NULL,"
	"  change INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE IF NOT EXISTS writer ("
	"  one INTEGER PRIMARY KEY CHECK (one = 1),"
	"  version TEXT NOT NULL"
	") STRICT;"
	"INSERT INTO writer SELECT 1, '" ENVELOPE_VERSION "'"
	"  WHERE NOT EXISTS (SELECT 1 FROM writer WHERE version = '" ENVELOPE_VERSION "')"
	"  ON CONFLICT (one) DO UPDATE SET version = excluded.version;";

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

/*
 * Runs SQLite's check.
 * @found: the first fault that it reports, "" for none
 *
 * Return: SQLITE_OK also when it reports faults, or an SQLITE_ code.
 */
static int check(sqlite3 *db, char found[256])
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL);

	found[0] = 0;
	while (r == SQLITE_OK || r == SQLITE_ROW) {
		r = sqlite3_step(statement);
		if (r != SQLITE_ROW || found[0])
			continue;
		snprintf(found, 256, "%s", (const char *)sqlite3_column_text(statement, 0));
		if (!strcmp(found, "ok"))
			found[0] = 0;
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int copy_to(sqlite3 *db, const char *path)
{
	sqlite3 *copy = NULL;
	int r = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (r == SQLITE_OK)
		r = database_copy(db, copy);
	sqlite3_close(copy);
	return r;
}

/*
 * Checks the file. Keeps a copy of a damaged one, and makes its indexes and its pages anew. A repair
 * that a full disk ends is tried again later: it says nothing about the file, and leaves no copy.
 *
 * Return: SQLITE_OK, SQLITE_CORRUPT when that did not help, or another SQLITE_ code.
 */
static int check_and_repair(const char *path, struct catalog_file *file)
{
	_cleanup_text_ char *aside = NULL;
	char found[256], still[256] = "";
	int r = check(file->db, found), compact = SQLITE_OK;

	if (r != SQLITE_OK || !found[0])
		return r;
	aside = text_format("%s.repaired-%lld", path, (long long)time(NULL));
	if (!aside)
		return SQLITE_NOMEM;
	r = copy_to(file->db, aside);
	if (r == SQLITE_OK)
		r = sqlite3_exec(file->db, "REINDEX", NULL, NULL, NULL);
	/* Through a damaged index an agent has written a row a second time: no index can be made. */
	if ((r & 0xff) == SQLITE_CONSTRAINT)
		r = SQLITE_CORRUPT;
	if (r == SQLITE_OK)
		compact = sqlite3_exec(file->db, "VACUUM", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = check(file->db, still);
	if (r == SQLITE_OK && still[0])
		r = compact == SQLITE_OK ? SQLITE_CORRUPT : compact;
	if (r != SQLITE_OK && !is_damaged(r))
		unlink(aside);
	if (r != SQLITE_OK)
		return r;
	fault_set(&file->repaired, "CatalogDamaged",
		  "The catalog %s was damaged: %s. Its indexes are made anew from its rows. A cluster without a row is taken in from the header of its volume. The damaged file is kept as %s. Check the disk.",
		  path, found, aside);
	return SQLITE_OK;
}

static void unavailable(const char *path, const char *why, const char *advice, struct fault *f)
{
	fault_set(f, "CatalogUnavailable",
		  "The catalog %s cannot be written: %s. Leases are renewed all the same. %s Then the agent writes the catalog by itself.",
		  path, why, advice);
}

/* @code: of SQLite, or an extended one; @error: errno, 0 if it is not known; @why: a text for people */
static bool fault_of(const char *path, int code, int error, const char *why, struct fault *f)
{
	static const char room[] = "Free room on the disk of StateDirectory=.";
	static const char writable[] = "Look at the disk of StateDirectory=, and make it writable.";

	if (code == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE || error == ENOSPC)
		unavailable(path, strerror(ENOSPC), room, f);
	else if ((code & 0xff) == SQLITE_READONLY || (access(path, W_OK) < 0 && errno == EROFS))
		unavailable(path, strerror(EROFS), writable, f);
	else if ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN)
		unavailable(path, error ? strerror(error) : why, writable, f);
	else if ((code & 0xff) == SQLITE_BUSY)
		unavailable(path, why, "End the program that has it open.", f);
	else if (is_damaged(code))
		unavailable(path, why, "Check the disk of StateDirectory=.", f);
	else if ((code & 0xff) == SQLITE_NOMEM)
		unavailable(path, why, "Free memory.", f);
	else
		return false;
	return true;
}

/**
 * catalog_file_fault() - does the last error of a database mean that the file takes no changes?
 * @path: of the file
 * @f: filled if so; says what to do
 */
bool catalog_file_fault(const struct catalog_file *file, const char *path, struct fault *f)
{
	if (!file->in_memory)
		return fault_of(path, sqlite3_extended_errcode(file->db),
				sqlite3_system_errno(file->db), sqlite3_errmsg(file->db), f);
	*f = file->trouble;
	return true;
}

static int set_up(const char *path, struct catalog_file *file, int *version)
{
	int r = user_version(file->db, version);

	if (r == SQLITE_OK && *version == 0)
		r = sqlite3_exec(file->db, schema, NULL, NULL, NULL);
	if (r == SQLITE_OK && schema_take_steps(file->db, *version) < 0) {
		catalog_file_fault(file, path, &file->trouble);
		sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	}
	/* Without room the clusters can be read all the same. */
	if (r == SQLITE_OK && *version <= SCHEMA_VERSION &&
	    sqlite3_exec(file->db, later_schema, NULL, NULL, NULL) != SQLITE_OK)
		catalog_file_fault(file, path, &file->trouble);
	return r;
}

/*
 * @alone: lock the file for good. SQLite then keeps the index of the log in memory, and needs no room
 *	on the disk to read the file.
 * @version: that of the file, 0 for a new one
 *
 * Return: an SQLITE_ code.
 */
static int open_database(const char *path, bool alone, struct catalog_file *file, int *version)
{
	int r = sqlite3_open_v2(path, &file->db,
				SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				NULL);

	if (r != SQLITE_OK)
		return r;
	sqlite3_busy_timeout(file->db, 2000);
	if (alone)
		r = sqlite3_exec(file->db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
	/* First: a file of a later version is not changed. */
	if (r == SQLITE_OK)
		r = user_version(file->db, version);
	if (r == SQLITE_OK && *version > SCHEMA_VERSION)
		return r;
	if (r == SQLITE_OK)
		r = sqlite3_exec(file->db,
				 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
				 " PRAGMA secure_delete=ON;",
				 NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = check_and_repair(path, file);
	return r == SQLITE_OK ? set_up(path, file, version) : r;
}

static int set_aside(const char *path, struct catalog_file *file)
{
	_cleanup_text_ char *aside = text_format("%s.damaged-%lld", path, (long long)time(NULL));

	if (!aside || rename(path, aside) < 0)
		return -1;
	fault_set(&file->repaired, "CatalogDamaged",
		  "The catalog %s is damaged: kept as %s. A new one is made from the volume headers. Check the disk.",
		  path, aside);
	return 0;
}

static void close_database(struct catalog_file *file)
{
	sqlite3_close(file->db);
	file->db = NULL;
}

/* open_database(), once more after a damaged file was set aside. */
static int open_checked(const char *path, bool alone, struct catalog_file *file, int *version)
{
	int r = open_database(path, alone, file, version);

	if (is_damaged(r) && set_aside(path, file) == 0) {
		close_database(file);
		r = open_database(path, alone, file, version);
	}
	return r;
}

/* Opens @path for reading without a lock or a log. */
static int open_immutable(const char *path, sqlite3 **ret)
{
	_cleanup_text_ char *uri = database_uri(path, "immutable=1");

	if (!uri)
		return SQLITE_NOMEM;
	return sqlite3_open_v2(uri, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
}

/* Is there a file beside the database? @empty: also if it is empty */
static bool is_beside(const char *path, const char *end, bool empty)
{
	_cleanup_text_ char *beside = text_format("%s%s", path, end);
	struct stat st;

	return beside && stat(beside, &st) == 0 && (empty || st.st_size);
}

/**
 * catalog_file_read() - open the file for reading beside an agent, without making a file
 * @ret: for sqlite3_close(), also after a failure
 *
 * Return: an SQLITE_ code.
 */
int catalog_file_read(const char *path, sqlite3 **ret)
{
	*ret = NULL;
	if (!is_beside(path, "-wal", false))
		return open_immutable(path, ret);
	/* SQLite would make the index of the log, which a power cut leaves without one. */
	if (!is_beside(path, "-shm", true))
		return SQLITE_BUSY_RECOVERY;
	return sqlite3_open_v2(path, ret, SQLITE_OPEN_READONLY, NULL);
}

/* @copied: with the file's clusters. Return: an SQLITE_ code. */
static int open_memory(const char *path, bool copied, struct catalog_file *file)
{
	sqlite3 *source = NULL;
	int version, r = copied ? open_immutable(path, &source) : SQLITE_OK;

	if (r == SQLITE_OK)
		r = database_in_memory(source, &file->db);
	sqlite3_close(source);
	if (r == SQLITE_OK)
		r = set_up(path, file, &version);
	return r == SQLITE_OK ? sqlite3_exec(file->db, "PRAGMA query_only=1", NULL, NULL, NULL) : r;
}

/**
 * catalog_file_in_memory() - a copy of the file in memory, or an empty catalog, that takes no change
 * @path: of the file, which may be missing
 *
 * Return: 0 or -1.
 */
int catalog_file_in_memory(const char *path, struct catalog_file *ret, struct fault *f)
{
	int r;

	ret->in_memory = true;
	r = open_memory(path, true, ret);
	if (r != SQLITE_OK) {
		close_database(ret);
		r = open_memory(path, false, ret);
	}
	if (r == SQLITE_OK)
		return 0;
	return fault_set(f, "InternalFailure", "A catalog in memory cannot be made: %s.",
			 sqlite3_errstr(r));
}

/*
 * The clusters may have a state that this agent would not heed. The newer agent has named itself in the
 * table writer, unless its schema has another place for that.
 */
static int refuse_newer(const char *path, struct catalog_file *file, int version, struct fault *f)
{
	char writer[64] = "a newer enveloped";
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(file->db, "SELECT version FROM writer", -1, &statement, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0))
		snprintf(writer, sizeof(writer), "enveloped %.40s",
			 (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return fault_set(f, "CatalogTooNew",
			 "The catalog %.300s has the schema %d, which %s wrote. This is enveloped " ENVELOPE_VERSION
			 ", which knows the schema %d and no later one. The catalog was not changed. Install the newer version again, before the leases end. Or move the catalog away: the agent then takes the clusters in from the headers of their volumes, without their settings.",
			 path, version, writer, SCHEMA_VERSION);
}

/**
 * catalog_file_open() - open the file, and make it if it does not exist
 * @path: of the file
 * @ret: for catalog_file_close(), also after a failure. @ret->trouble says why the file takes no
 *	changes
 * @f: CatalogTooNew: a newer enveloped wrote the file, with a schema that this one does not know
 *
 * Return: 0 or -1.
 */
int catalog_file_open(const char *path, struct catalog_file *ret, struct fault *f)
{
	int version = 0, r;

	*ret = (struct catalog_file){ 0 };
	folder_make_for(path, 0700, 0700, NULL);
	r = open_checked(path, false, ret, &version);
	if (r != SQLITE_OK) {
		/* The error of a copy is not one of the file. */
		if (!catalog_file_fault(ret, path, &ret->trouble) &&
		    !fault_of(path, r, 0, sqlite3_errstr(r), &ret->trouble))
			unavailable(path, sqlite3_errstr(r), "Look at the file.", &ret->trouble);
		close_database(ret);
		r = open_checked(path, true, ret, &version);
	}
	if (r == SQLITE_OK && version > SCHEMA_VERSION)
		return refuse_newer(path, ret, version, f);
	if (r == SQLITE_OK)
		return 0;
	close_database(ret);
	return catalog_file_in_memory(path, ret, f);
}

/** catalog_file_close() - nothing is done for a database that is not open */
void catalog_file_close(struct catalog_file *file)
{
	close_database(file);
}
