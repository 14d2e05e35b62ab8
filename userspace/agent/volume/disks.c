// SPDX-License-Identifier: MIT
/* The block devices of the host, from sysfs. Their contents are not read here. */
#include "agent/volume/disks.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/volume/mapper.h"

/* Reads one line from the device's folder in sysfs; "" if it is missing. */
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
 * Empty drives and loop devices without a file have no size and no volume. A suspended device
 * would hold the thread until it is resumed. A device on top of a volume is not a volume.
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

/* The path by which people know the device: a device-mapper device by its name. */
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
 * disks_list() - the devices on which a volume may be
 * @ret: their paths, to be freed with free()
 *
 * Return: their number.
 */
size_t disks_list(struct disk **ret)
{
	DIR *dir = opendir("/sys/class/block");
	struct disk *list = NULL;
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir))) {
		struct disk *grown;

		if (entry->d_name[0] == '.' || !is_worth_a_look(entry->d_name))
			continue;
		grown = realloc(list, (count + 1) * sizeof(*list));
		if (!grown)
			break;
		list = grown;
		device_path(entry->d_name, list[count++].path);
	}
	if (dir)
		closedir(dir);
	*ret = list;
	return count;
}
