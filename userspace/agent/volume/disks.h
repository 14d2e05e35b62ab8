/* SPDX-License-Identifier: MIT */
/* Lists the block devices of the host that may hold a volume. */
#ifndef ENVELOPE_DISKS_H
#define ENVELOPE_DISKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>

/** struct disk - a block device, by the path that people know; owned by its list, disks_free() */
struct disk {
	char *path;
};

size_t disks_list(struct disk **ret);
/** disks_free() - free a list of disks_list() */
static inline void disks_free(struct disk *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i].path);
	free(list);
}

int disks_holder(dev_t number, char **holder);
bool disks_held_by_volume(dev_t number, const char *volume_id);
bool disks_overlap(dev_t a, dev_t b);

#endif
