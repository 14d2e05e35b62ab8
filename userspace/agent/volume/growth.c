// SPDX-License-Identifier: MIT
/*
 * A disk that has grown below a volume's device, as LVM or a SAN does it. The kernel does not tell: the
 * sizes are compared at each look at the devices.
 */
#include "agent/volume/growth.h"

#include <stdlib.h>

#include "agent/volume/sysfs.h"
#include "lib/base/text.h"

#define UNIT 4096 /* bytes; a rest that fits no sector of a volume is nothing to tell of */

/** growth_measure() - fill in how many bytes the disk has behind the end of the volume */
void growth_measure(struct mapping *mapping)
{
	const uint64_t end = mapping->start + mapping->sectors;
	_cleanup_text_ char *name = sysfs_name(mapping->below), *size = NULL;
	uint64_t sectors;

	mapping->growable = 0;
	size = name ? sysfs_read(name, "size") : NULL;
	if (!size)
		return;
	sectors = strtoull(size, NULL, 10);
	if (sectors > end)
		mapping->growable = (sectors - end) * 512 / UNIT * UNIT;
}
