// SPDX-License-Identifier: MIT
/* A header that is made in memory. See draft.h. */

#include "lib/header/draft.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/header/block_device.h"
#include "lib/header/volume_header.h"

/**
 * draft_open() - an empty file in memory that is large enough for crypt_format()
 *
 * Return: 0 or -1.
 */
int draft_open(struct draft *draft, struct fault *f)
{
	draft->fd = memfd_create("header", MFD_CLOEXEC);
	if (draft->fd < 0 || ftruncate(draft->fd, 2 * VOLUME_DATA_OFFSET))
		return fault_set(f, "InternalFailure",
				 "The agent cannot make a file in memory for the header: %s.",
				 strerror(errno));
	snprintf(draft->path, sizeof(draft->path), "/proc/self/fd/%d", draft->fd);
	return 0;
}

/**
 * draft_write() - write the first @size bytes of a draft to the beginning of a device
 * @claim: from block_device_take() of @device
 *
 * Return: 0 or -1.
 */
int draft_write(const struct draft *draft, const char *device, int claim, size_t size,
		struct fault *f)
{
	uint8_t *bytes = malloc(size);
	int r;

	if (!bytes || pread(draft->fd, bytes, size, 0) != (ssize_t)size)
		r = fault_set(f, "InternalFailure", "Out of memory.");
	else
		r = block_device_write(device, claim, bytes, size, f);
	free(bytes);
	return r;
}

/** draft_close() - release the file */
void draft_close(struct draft *draft)
{
	file_close(&draft->fd);
}
