// SPDX-License-Identifier: MIT
/* See store_disk.h. */
#include "kms/store/store_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/text.h"

#define LOG_FRAMES  1000	/* after so many pages the log is copied into the database */
#define FILE_STEP   (1LL << 17) /* the database gets more space in such steps */
#define LOG_LEAST   (1LL << 20) /* of the reserve, worth to be held */
#define FRAME_EXTRA 24		/* bytes of a frame of the log beside its page */
#define INDEX_BYTES 32768	/* of a block of the index, and ... */
#define INDEX_PAGES 4000	/* ... less than the frames that it holds */

static int number(struct store *store, const char *sql, int64_t *value)
{
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK)
		step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return step == SQLITE_ROW ? 0 : -1;
}

/* Copies the log into the database as far as no reader is behind. Never waits for one. */
static int on_commit(void *userdata, sqlite3 *db, const char *name, int frames)
{
	struct disk *disk = &((struct store *)userdata)->disk;

	/* The log has begun anew. */
	if (frames < disk->frames)
		disk->copied_at = 0;
	disk->frames = frames;
	/* While a reader stays, a try at each change would cost more with each change. */
	if (frames - disk->copied_at < LOG_FRAMES)
		return SQLITE_OK;
	disk->copied_at = frames;
	sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/* Gives the reserve of the log back to the disk: without an index the database does not open. */
static void release_reserve(const char *path)
{
	_cleanup_text_ char *log = text_format("%s-wal", path);
	struct stat st;

	if (log && !stat(log, &st) && !truncate(log, st.st_size))
		log_warning(
			"The disk of the key store is full: its reserve was used for the start.");
}

static bool lacks_space(const struct store *store)
{
	int code = sqlite3_errcode(store->db);

	return code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
}

static int begin_log(struct store *store)
{
	sqlite3_stmt *statement = NULL;
	int64_t tables;
	int r = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode=WAL", -1, &statement, NULL);

	if (!r && sqlite3_step(statement) == SQLITE_ROW &&
	    strcmp((const char *)sqlite3_column_text(statement, 0), "wal"))
		r = SQLITE_ERROR;
	/* Its result is the fault of the step. */
	if (sqlite3_finalize(statement) || r)
		return -1;
	return number(store, "SELECT count(*) FROM sqlite_schema", &tables);
}

/**
 * disk_open() - open log and index
 * @path: of the database
 * @f: InvalidConfiguration
 *
 * Call it before the first statement. What a crash has left in the log is kept.
 *
 * Return: 0 or -1.
 */
int disk_open(struct store *store, const char *path, struct fault *f)
{
	_cleanup_text_ char *index = text_format("%s-shm", path);
	int keep = 1, r = begin_log(store);

	if (r && lacks_space(store)) {
		release_reserve(path);
		r = begin_log(store);
	}
	if (r)
		return fault_set(f, "InvalidConfiguration",
				 "The key store %s cannot be opened: %s. Check the path and its permissions.",
				 path, sqlite3_errmsg(store->db));
	/* Without it, or on a file system without fallocate(), sqlite alone makes the index larger. */
	if (index)
		store->disk.index_fd = open(index, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	/* The file of the log, and its space, outlive the process. */
	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	sqlite3_wal_hook(store->db, on_commit, store);
	return 0;
}

/* Without a reader the log begins anew after LOG_FRAMES and one change, which has fewer than as many. */
static int64_t log_need(const struct disk *disk)
{
	int frames = disk->frames > 2 * LOG_FRAMES ? disk->frames : 2 * LOG_FRAMES;

	return (int64_t)frames * (disk->page + FRAME_EXTRA) + DISK_LOG_RESERVE;
}

/* Owns the disk up to @end of the log. Return: 0 or the errno */
static int take_log(struct disk *disk, int64_t end)
{
	struct stat st;

	/* Another program has truncated the log. */
	if (!fstat(disk->log_fd, &st) && st.st_blocks * 512 < disk->log_end)
		disk->log_end = 0;
	if (end <= disk->log_end)
		return 0;
	if (fallocate(disk->log_fd, FALLOC_FL_KEEP_SIZE, 0, end))
		return errno;
	disk->log_end = end;
	return 0;
}

/* Makes the database's file @end bytes large; sqlite leaves it so. Return: 0 or the errno */
static int take_file(struct store *store, int64_t end)
{
	int chunk = (int)end, before = (int)store->disk.file_end;

	if (end <= store->disk.file_end)
		return 0;
	if (end > INT_MAX)
		return EFBIG;
	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
	if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_SIZE_HINT, &end)) {
		sqlite3_file_control(store->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &before);
		return ENOSPC;
	}
	store->disk.file_end = end;
	return 0;
}

/* Another program that copies the log into the database ends the file behind the last page. */
static int find_file_end(struct store *store)
{
	sqlite3_file *file = NULL;
	sqlite3_int64 size;

	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (file->pMethods->xFileSize(file, &size))
		return EIO;
	if (size < store->disk.file_end)
		store->disk.file_end = size;
	return 0;
}

/*
 * The index of the log has the size that all of the log needs. sqlite writes one byte in each 4 KiB of
 * it. On a file system with smaller blocks the rest are holes, and a write to one of them through the
 * mapping ends the process with SIGBUS when the disk is full.
 */
static int take_index(struct store *store, int64_t frames)
{
	int64_t blocks = frames / INDEX_PAGES + 1;
	sqlite3_file *file = NULL;
	void volatile *block;

	if (store->disk.index_blocks < blocks && store->disk.index_fd >= 0 &&
	    fallocate(store->disk.index_fd, 0, 0, blocks * INDEX_BYTES) &&
	    (errno == ENOSPC || errno == EDQUOT))
		return ENOSPC;
	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	for (; store->disk.index_blocks < blocks; store->disk.index_blocks++)
		if (file->pMethods->xShmMap(file, store->disk.index_blocks, INDEX_BYTES, 1, &block))
			return ENOSPC;
	return 0;
}

/*
 * Owns the reserve behind what the database and the log hold. A file system without fallocate() gives no
 * reserve for the log, and the rest of the reserve does not depend on it.
 */
static int take(struct store *store)
{
	struct disk *disk = &store->disk;
	int64_t pages, log = log_need(disk);
	int log_r, r;

	if (number(store, "PRAGMA page_count", &pages))
		return EIO;
	/* First: without the log a change fails, without the index the process ends. */
	r = take_index(store, log / disk->page);
	if (r)
		return r;
	log_r = take_log(disk, log);
	if (log_r && log_r != EOPNOTSUPP)
		return log_r;
	r = find_file_end(store);
	/* A little more at a time: the next changes need not ask. */
	if (!r && pages * disk->page + DISK_FILE_RESERVE > disk->file_end &&
	    take_file(store, pages * disk->page + DISK_FILE_RESERVE + FILE_STEP))
		r = take_file(store, pages * disk->page + DISK_FILE_RESERVE);
	return r ? r : log_r;
}

/* Owns the reserve, or the largest part of it that the disk has. Return: as take() */
static int take_or_part(struct store *store)
{
	int r = take(store), part_r = r;

	for (int64_t part = log_need(&store->disk); part_r && part >= LOG_LEAST; part /= 2)
		part_r = take_log(&store->disk, part);
	return r;
}

/**
 * disk_reserve() - own the reserve; once, after disk_open()
 * @path: of the database
 *
 * A disk that has too little room for the reserve does not keep the KMS from starting.
 *
 * Return: 0 or -1.
 */
int disk_reserve(struct store *store, const char *path, struct fault *f)
{
	_cleanup_text_ char *log = text_format("%s-wal", path);
	struct stat st;
	int64_t page;
	int r;

	if (!log)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (number(store, "PRAGMA page_size", &page) || stat(path, &st))
		return store_fault(store, "find its files", f);
	store->disk.page = (int)page;
	store->disk.log_fd = open(log, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (store->disk.log_fd < 0)
		return fault_set(f, "InvalidConfiguration",
				 "The log %s of the key store cannot be opened: %s. Check the path and its permissions.",
				 log, strerror(errno));
	/* The log may hold a key that was destroyed before a crash. Another try follows this one. */
	store->unerased = disk_erase_log(store) != 0;
	r = st.st_size < INT_MAX ? take_file(store, st.st_size) : EFBIG;
	if (!r)
		r = take_or_part(store);
	if (r)
		log_warning("The disk of the key store has no room for its whole reserve: %s. On a full disk keys may stay enabled. Free some of the disk.",
			    strerror(r));
	return 0;
}

/**
 * disk_hold() - keep the reserve from a change that may wait
 * @f: KMSInternalException when only the reserve is left
 *
 * Return: 0 or -1.
 */
int disk_hold(struct store *store, struct fault *f)
{
	int r = take(store);

	if (r == ENOSPC || r == EDQUOT)
		return fault_set(f, "KMSInternalException",
				 "The disk of the key store is full: the rest is kept for calls that end access, such as DisableKey. Free some of the disk.");
	return 0;
}

/**
 * disk_erase_log() - end what the log holds, such as the rows of destroyed keys
 *
 * Return: 0; -EBUSY while a reader needs the log, after the busy timeout; -EIO.
 */
int disk_erase_log(struct store *store)
{
	struct disk *disk = &store->disk;
	int r = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL,
					  NULL);

	if (r)
		return (r & 0xff) == SQLITE_BUSY || (r & 0xff) == SQLITE_LOCKED ? -EBUSY : -EIO;
	/* The space went with the contents. */
	disk->frames = 0;
	disk->copied_at = 0;
	disk->log_end = 0;
	if (take_log(disk, log_need(disk)))
		log_debug("The reserve of the key store's log is gone until the next change.");
	return 0;
}

/** disk_close_index() - call it after sqlite3_close(): the close drops sqlite's locks on the index */
void disk_close_index(struct store *store)
{
	if (store->disk.index_fd >= 0)
		close(store->disk.index_fd);
	store->disk.index_fd = -1;
}

/**
 * disk_close() - leave the database whole in its one file, unless somebody reads it
 *
 * An old copy that is put in the place of the database then meets no log of the present one.
 */
void disk_close(struct store *store)
{
	if (store->disk.log_fd < 0)
		return;
	disk_erase_log(store);
	close(store->disk.log_fd);
	store->disk.log_fd = -1;
}
