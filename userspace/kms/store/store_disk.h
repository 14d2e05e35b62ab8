/* SPDX-License-Identifier: MIT */
/*
 * The files of the database on the disk: the write-ahead log (kms.sqlite-wal), its index
 * (kms.sqlite-shm), and the space that both files and the database own ahead of their end. A
 * revocation must be possible on a disk without a free byte, and while somebody reads the database.
 *
 *	Log		A change is appended to the log, so a reader never stops it. Without readers
 *			the log begins anew every LOG_FRAMES pages, in place.
 *	Reserve		Only a revocation may use the last DISK_LOG_RESERVE bytes of the log, behind
 *			the pages that it needs without a reader, and the
 *			last DISK_FILE_RESERVE bytes of the database. Other changes ask disk_hold().
 *	Reader		While a reader stays, the log cannot begin anew: each change makes it longer.
 *
 * Must never close a descriptor of kms.sqlite or kms.sqlite-shm before sqlite3_close(): the close would
 * drop sqlite's locks.
 */
#ifndef ENVELOPE_KMS_STORE_DISK_H
#define ENVELOPE_KMS_STORE_DISK_H

#include "kms/store/store_row.h"

#define DISK_LOG_RESERVE  (16LL << 20)
#define DISK_FILE_RESERVE (8LL << 20)

int disk_open(struct store *store, const char *path, struct fault *f);

int disk_reserve(struct store *store, const char *path, struct fault *f);

int disk_hold(struct store *store, struct fault *f);

int disk_erase_log(struct store *store);

void disk_close(struct store *store);

void disk_close_index(struct store *store);

#endif
