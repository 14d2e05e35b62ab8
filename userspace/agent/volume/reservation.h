/* SPDX-License-Identifier: MIT */
/*
 * The reservation of a disk: where the disk has persistent reservations, it refuses the writes of all
 * hosts but the one that has the volume in use. Each function runs in a device thread.
 *
 * Must never end the registration of another program: see reservation_take().
 */
#ifndef ENVELOPE_RESERVATION_H
#define ENVELOPE_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"

/**
 * struct reservation - what this host has on a disk
 * @held: only registered hosts can write to the disk, and this host is one of them
 * @fresh: this host was not registered before
 */
struct reservation {
	bool held;
	bool fresh;
};

uint64_t reservation_key(const char *host);
int reservation_take(const char *device, const char *host, const char *gone,
		     struct reservation *ret, struct fault *f);
int reservation_fence(const char *device, const char *host, const char *other, struct fault *f);
bool reservation_present(const char *device, const char *host, bool *lost);
void reservation_end(const char *device, const char *host);

#endif
