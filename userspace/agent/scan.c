// SPDX-License-Identifier: MIT
/*
 * Looks at every block device of the host for a volume header. Runs in the device
 * thread: a disk that hangs must not hold up the leases.
 */
#include <blkid/blkid.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mapper.h"
#include "scan.h"

/* libblkid looks at a few kilobytes; only what it calls LUKS with our label is read in full. */
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

/* Reads one line of the device's folder in sysfs; "" when there is none. */
static void read_attribute(const char *name, const char *attribute, char *text, int size)
{
	char path[400];
	FILE *file;

	text[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, attribute);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(text, size, file))
		text[strcspn(text, "\n")] = 0;
	fclose(file);
}

/*
 * Empty drives and loop devices without a file have no size and nothing to say. A
 * suspended device would hold the thread until it is resumed, and what lies on top of
 * a volume is none.
 */
static bool is_worth_a_look(const char *name)
{
	char size[32], suspended[8], uuid[160];

	read_attribute(name, "size", size, sizeof(size));
	read_attribute(name, "dm/suspended", suspended, sizeof(suspended));
	read_attribute(name, "dm/uuid", uuid, sizeof(uuid));
	return strtoull(size, NULL, 10) > 0 && strcmp(suspended, "1") &&
	       strncmp(uuid, MAPPER_UUID_PREFIX, strlen(MAPPER_UUID_PREFIX));
}

/* A device-mapper device is known to people by its name. */
static void device_path(const char *name, char path[64])
{
	char dm_name[48];

	read_attribute(name, "dm/name", dm_name, sizeof(dm_name));
	if (dm_name[0])
		snprintf(path, 64, "/dev/mapper/%s", dm_name);
	else
		snprintf(path, 64, "/dev/%.50s", name);
}

/**
 * scan_volumes() - find all volumes
 * @ret: array to be freed with free()
 *
 * Return: their number.
 */
size_t scan_volumes(struct scanned **ret)
{
	DIR *dir = opendir("/sys/class/block");
	struct scanned *list = NULL;
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir))) {
		struct scanned *grown;
		struct fault f;
		char path[64];

		if (entry->d_name[0] == '.' || !is_worth_a_look(entry->d_name))
			continue;
		device_path(entry->d_name, path);
		if (!looks_like_ours(path))
			continue;
		grown = realloc(list, (count + 1) * sizeof(*list));
		if (!grown)
			break;
		list = grown;
		memcpy(list[count].device, path, sizeof(path));
		if (header_read(path, &list[count].header, &f) == 0)
			count++;
		else
			log_warning("%s looks like a volume, but: %s", path, f.message);
	}
	if (dir)
		closedir(dir);
	*ret = list;
	return count;
}
