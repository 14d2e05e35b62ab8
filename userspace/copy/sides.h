/* SPDX-License-Identifier: MIT */
/*
 * Source and destination: opened for direct I/O, for this program alone, and looked at before
 * anything is written.
 */
#ifndef ENVELOPE_COPY_SIDES_H
#define ENVELOPE_COPY_SIDES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"

/** struct sides - for sides_close() */
struct sides {
	const char *source_name, *destination_name;
	int source, destination;
	uint64_t source_size, destination_size; /* bytes */
};

int sides_open(struct sides *sides, const char *source, const char *destination, struct fault *f);
int sides_check_room(const struct sides *sides, uint64_t end, struct fault *f);
int sides_check_empty(const struct sides *sides, struct fault *f);
void sides_close(struct sides *sides);

#endif
