/* SPDX-License-Identifier: MIT */
/*
 * How far a copy has come, in a file that outlives the program and the host: all that lies below
 * the position is on the disk of the destination.
 *
 * The file has two slots that are written in turn, so one is whole at any moment. It names its
 * copy, so that no other one goes on with it. It has no byte of the data and no digest of one.
 *
 * Must never write a position before the destination was synced up to it: the caller does that.
 */
#ifndef ENVELOPE_COPY_CHECKPOINT_H
#define ENVELOPE_COPY_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"

#define CHECKPOINT_NAME 32 /* bytes, SHA-256 over what tells one copy from another */

enum checkpoint_phase {
	CHECKPOINT_COPY,
	CHECKPOINT_VERIFY,
	CHECKPOINT_DONE
};

/**
 * struct checkpoint - for checkpoint_close()
 * @fd: of the file, -1: it is not open
 */
struct checkpoint {
	int fd;
	const char *path;
	uint64_t sequence;
	uint64_t position; /* bytes from the device's begin */
	enum checkpoint_phase phase;
	uint8_t name[CHECKPOINT_NAME];
};

int checkpoint_open(struct checkpoint *checkpoint, const char *path,
		    const uint8_t name[CHECKPOINT_NAME], struct fault *f);
bool checkpoint_is_new(const struct checkpoint *checkpoint);
int checkpoint_write(struct checkpoint *checkpoint, enum checkpoint_phase phase, uint64_t position,
		     struct fault *f);
void checkpoint_close(struct checkpoint *checkpoint);

#endif
