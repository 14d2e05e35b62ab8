/* SPDX-License-Identifier: MIT */
/* Lists the block devices of the host that may hold a volume. */
#ifndef ENVELOPE_DISKS_H
#define ENVELOPE_DISKS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** struct disk - a block device, by the path that people know */
struct disk {
	char path[PATH_MAX];
};

size_t disks_list(struct disk **ret);
bool disks_holder(dev_t number, char holder[PATH_MAX]);
bool disks_overlap(dev_t a, dev_t b);

#endif
