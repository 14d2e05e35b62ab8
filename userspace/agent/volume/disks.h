/* SPDX-License-Identifier: MIT */
/* Lists the block devices of the host that may hold a volume. */
#ifndef ENVELOPE_DISKS_H
#define ENVELOPE_DISKS_H

#include <stddef.h>

/** struct disk - a block device, by the path that people know */
struct disk {
	char path[64];
};

size_t disks_list(struct disk **ret);

#endif
