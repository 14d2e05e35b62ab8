/* SPDX-License-Identifier: MIT */
/*
 * Disk space that a file has ahead of its end, for lines that must be written when the disk is full.
 * The file owns the blocks (fallocate() with FALLOC_FL_KEEP_SIZE), so no other file can take them.
 *
 * Must never change the size of the file.
 */
#ifndef ENVELOPE_RESERVE_H
#define ENVELOPE_RESERVE_H

#include <stdbool.h>
#include <sys/types.h>

/** struct reserve - of one open file */
struct reserve {
	off_t bytes; /* to keep; 0 for none */
	off_t end;   /* the file owns the disk up to here; 0: not known */
	bool warned; /* that the disk gives no reserve */
};

int reserve_hold(struct reserve *reserve, int fd, size_t size);

void reserve_release(struct reserve *reserve, int fd);

#endif
