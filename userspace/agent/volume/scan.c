// SPDX-License-Identifier: MIT
/*
 * Looks at every block device of the host for a volume header. Runs in the device
 * thread: a disk that hangs must not hold up the leases.
 */
#include "agent/volume/scan.h"

#include <blkid/blkid.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/volume/disks.h"
#include "lib/base/log.h"

/* libblkid reads a few kilobytes. Only a device that it calls LUKS with our label is read in full. */
static bool looks_like_ours(const char *device)
{
	blkid_probe probe = blkid_new_probe_from_filename(device);
	const char *type = NULL, *subsystem = NULL;
	bool ours;

	if (!probe)
		return false;
	blkid_probe_enable_superblocks(probe, 1);
	ours = blkid_do_safeprobe(probe) == 0 &&
	       blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0 &&
	       !strcmp(type, "crypto_LUKS") &&
	       blkid_probe_lookup_value(probe, "SUBSYSTEM", &subsystem, NULL) == 0 &&
	       !strcmp(subsystem, VOLUME_SUBSYSTEM);
	blkid_free_probe(probe);
	return ours;
}

/**
 * scan_volumes() - find all volumes
 * @ret: array to be freed with free()
 *
 * Return: their number.
 */
size_t scan_volumes(struct scanned **ret)
{
	struct scanned *list = NULL;
	struct disk *disks = NULL;
	size_t all = disks_list(&disks), count = 0;

	for (size_t i = 0; i < all; i++) {
		const char *path = disks[i].path;
		struct scanned *grown;
		struct fault f;

		if (!looks_like_ours(path))
			continue;
		grown = realloc(list, (count + 1) * sizeof(*list));
		if (!grown)
			break;
		list = grown;
		memcpy(list[count].device, path, sizeof(list[count].device));
		if (header_read(path, &list[count].header, &f) == 0)
			count++;
		else
			log_warning("%s looks like a volume, but: %s", path, f.message);
	}
	free(disks);
	*ret = list;
	return count;
}
