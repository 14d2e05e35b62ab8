/* SPDX-License-Identifier: MIT */
/*
 * The end of the present file of the trail, line by line, the last one first.
 */
#ifndef ENVELOPE_KMS_TRAIL_END_H
#define ENVELOPE_KMS_TRAIL_END_H

#include <stddef.h>

#include "lib/audit/chain.h"

#define TRAIL_END_BYTES (2 * CHAIN_LINE_MAX) /* that are read of a longer file */

/** struct trail_end - for trail_end_free() */
struct trail_end {
	char *text;
	size_t size; /* up to here the lines were not handed out */
};

void trail_end_read(const char *path, struct trail_end *end);

const char *trail_end_line(struct trail_end *end, size_t *size);

void trail_end_free(struct trail_end *end);

#endif
