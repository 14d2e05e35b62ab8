/* SPDX-License-Identifier: MIT */
/*
 * The ranges of a device that are copied: all of it, or those that a file lists. A line of the file
 * is
 *
 *	OFFSET LENGTH
 *
 * in bytes, in ascending order. Thin volumes may have millions of ranges, so the file is read as
 * the copy proceeds: memory does not grow with it.
 *
 * Must never hand out a byte twice, or one that is in no range.
 */
#ifndef ENVELOPE_COPY_RANGES_H
#define ENVELOPE_COPY_RANGES_H

#include <stdint.h>
#include <stdio.h>

#include "lib/base/fault.h"

#define RANGES_UNIT   512 /* offsets and lengths are multiples */
#define RANGES_DIGEST 32  /* bytes, SHA-256 */

/** struct ranges - for ranges_close() */
struct ranges {
	FILE *file; /* NULL: the whole device */
	const char *path;
	uint64_t device; /* bytes */
	uint64_t total;	 /* bytes of all ranges */
	uint64_t last;	 /* offset behind the last range */
	uint64_t at, end;
	uint8_t digest[RANGES_DIGEST];
};

int ranges_open(struct ranges *ranges, const char *path, uint64_t device, struct fault *f);
void ranges_close(struct ranges *ranges);

int ranges_begin(struct ranges *ranges, uint64_t from, uint64_t *left, struct fault *f);
uint32_t ranges_next(struct ranges *ranges, uint32_t most, uint64_t *offset);

#endif
