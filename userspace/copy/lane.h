/* SPDX-License-Identifier: MIT */
/*
 * A thread that copies pieces, with an io_uring whose buffers are registered once. See copy.h.
 *
 * Must never end while the kernel uses one of its buffers.
 */
#ifndef ENVELOPE_COPY_LANE_H
#define ENVELOPE_COPY_LANE_H

#include <liburing.h>

#include "copy/copy.h"

/** struct lane - @slots: of the copy, for this lane alone */
struct lane {
	struct copy *copy;
	struct slot *slots;
	unsigned int count;
	struct io_uring ring;
	pthread_t thread;
};

int lane_open(struct lane *lane, struct copy *copy, struct slot *slots, unsigned int count,
	      struct fault *f);
void lane_close(struct lane *lane);
int lane_start(struct lane *lane, struct fault *f);
void lane_join(struct lane *lane);

#endif
