/* SPDX-License-Identifier: MIT */
/*
 * The files of an audit trail in the order in which they were written: those that logrotate has moved
 * away, compressed by gzip or not, and the present one.
 *
 * Must never wait for a pipe in place of a file.
 */
#ifndef ENVELOPE_KMS_TRAIL_FILES_H
#define ENVELOPE_KMS_TRAIL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/audit/chain.h"
#include "lib/base/fault.h"

/** struct trail_file - one file; owned by its struct trail_files */
struct trail_file {
	char *path;
	int fd;
	bool present; /* the one that the KMS writes */
	time_t changed;
	int64_t first; /* sequence of the first record of the chain in it; 0: none was found */
};

/** struct trail_files - for trail_files_close() */
struct trail_files {
	struct trail_file *files;
	size_t count;
};

int trail_files_open(const char *path, struct chain_key *key, struct trail_files *files,
		     struct fault *f);

bool trail_file_is_compressed(const struct trail_file *file);

void trail_files_close(struct trail_files *files);

#endif
