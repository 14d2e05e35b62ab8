/* SPDX-License-Identifier: MIT */
/*
 * One copy: what its lanes share. A lane is a thread with an io_uring of its own. Each takes the
 * next piece, reads it from the source and writes it to the destination at the same offset; or
 * reads it from both and compares.
 *
 * Must never hold the copied bytes outside of struct secret.
 */
#ifndef ENVELOPE_COPY_H
#define ENVELOPE_COPY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "copy/ranges.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

#define COPY_SLOTS	64	     /* pieces under way, of all lanes */
#define COPY_SLOT_BYTES (512 * 1024) /* 32 MiB of all lanes */
#define COPY_LANES_MAX	8

enum copy_phase {
	COPY_COPIES,
	COPY_VERIFIES
};

/**
 * struct slot - a piece under way
 * @waits_for: completions that are missing
 * @done: bytes that the present step has read or written; of the source, of the destination
 */
struct slot {
	bool busy;
	bool writes;
	unsigned int waits_for;
	uint64_t offset;
	uint32_t size;
	uint32_t done[2];
	uint8_t *bytes;
};

/**
 * struct copy
 * @lock: of what follows it, up to @failed
 * @most: bytes of a piece
 * @running: lanes that have not ended
 * @stop: lanes take no further piece
 * @wake_fd: an eventfd that the end of a lane makes readable
 */
struct copy {
	int source, destination;
	const char *source_name, *destination_name;
	int wake_fd;
	enum copy_phase phase;
	uint32_t most;
	atomic_bool stop;
	_Atomic uint64_t finished; /* bytes of this phase */

	pthread_mutex_t lock;
	struct ranges *ranges;
	struct slot slots[COPY_SLOTS];
	uint64_t taken_to; /* offset behind the piece that was taken last */
	unsigned int running;
	bool failed;
	struct fault fault; /* the first one */
};

bool copy_take(struct copy *copy, struct slot *slot);
void copy_put(struct copy *copy, struct slot *slot);
void copy_fail(struct copy *copy, const struct fault *f);
uint64_t copy_position(struct copy *copy);

#endif
