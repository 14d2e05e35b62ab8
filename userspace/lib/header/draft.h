/* SPDX-License-Identifier: MIT */
/*
 * A header that libcryptsetup makes in memory, for a device that the caller has claimed.
 * crypt_format() claims its device itself, and would be refused beside the caller's claim.
 *
 * Must never hold a volume key: the header has the key's digest alone.
 */
#ifndef ENVELOPE_DRAFT_H
#define ENVELOPE_DRAFT_H

#include <stddef.h>

#include "lib/base/fault.h"

/**
 * struct draft - a file without a name, in memory
 * @fd: owned; released by draft_close()
 * @path: leads to the file
 */
struct draft {
	int fd;
	char path[32];
};

int draft_open(struct draft *draft, struct fault *f);
int draft_write(const struct draft *draft, const char *device, int claim, size_t size,
		struct fault *f);
void draft_close(struct draft *draft);
#define _cleanup_draft_ __attribute__((cleanup(draft_close)))

#endif
