/* SPDX-License-Identifier: MIT */
/* Lists the block devices of the host that may hold a volume. */
#ifndef ENVELOPE_DISKS_H
#define ENVELOPE_DISKS_H

#include <stddef.h>

/** struct disk - one of them, by the path that people know it by */
struct disk {
	char path[64];
};

size_t disks_list(struct disk **ret);

#endif
