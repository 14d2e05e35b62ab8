// SPDX-License-Identifier: MIT
/* The block devices of the host, from sysfs. Their contents are not read here. */
#include "agent/volume/disks.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/volume/mapper.h"
#include "agent/volume/sysfs.h"

#define DEPTH 16 /* layers of devices; a bound, in case sysfs has a circle */

/* The path by which people know the device: a device-mapper device by its name. */
static void device_path(const char *name, char path[PATH_MAX])
{
	char dm_name[PATH_MAX];

	if (sysfs_read(name, "dm/name", dm_name))
		snprintf(path, PATH_MAX, "/dev/mapper/%.*s", PATH_MAX - 16, dm_name);
	else
		sysfs_node(name, path);
}

/*
 * Is the device the mapping of a volume? The agent marks its own with a uuid. A device that was made
 * by hand has another uuid or none, so the kernel is asked for its target.
 */
static bool is_mapping(const char *name)
{
	char dm_name[PATH_MAX], uuid[PATH_MAX];

	sysfs_read(name, "dm/name", dm_name);
	sysfs_read(name, "dm/uuid", uuid);
	return dm_name[0] && (!strncmp(uuid, MAPPER_UUID_PREFIX, strlen(MAPPER_UUID_PREFIX)) ||
			      mapper_is_mapping(dm_name));
}

/* Finds a device on top of @name that is not the mapping of a volume. */
static bool find_holder(const char *name, char holder[PATH_MAX])
{
	char folder[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/sys/class/block/%s/holders", name);
	dir = opendir(folder);
	while (dir && !found && (entry = readdir(dir))) {
		found = entry->d_name[0] != '.' && !is_mapping(entry->d_name);
		if (found)
			device_path(entry->d_name, holder);
	}
	if (dir)
		closedir(dir);
	return found;
}

/*
 * Empty drives and loop devices without a file have no size and no volume. A suspended device
 * would hold the thread until it is resumed. A device on top of a volume is not a volume. Nor is a
 * device that another device holds, such as the leg of a mirror or a path of multipath: who writes to
 * it writes behind the back of the device on top.
 */
static bool is_worth_a_look(const char *name)
{
	char size[PATH_MAX], suspended[PATH_MAX], uuid[PATH_MAX], holder[PATH_MAX];

	sysfs_read(name, "size", size);
	sysfs_read(name, "dm/suspended", suspended);
	sysfs_read(name, "dm/uuid", uuid);
	return strtoull(size, NULL, 10) > 0 && strcmp(suspended, "1") &&
	       strncmp(uuid, MAPPER_UUID_PREFIX, strlen(MAPPER_UUID_PREFIX)) &&
	       !find_holder(name, holder);
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

/**
 * disks_holder() - find a device on top of @number that is not the mapping of a volume
 * @holder: its path, when the answer is true
 */
bool disks_holder(dev_t number, char holder[PATH_MAX])
{
	char name[NAME_MAX + 1];

	return sysfs_name(number, name) && find_holder(name, holder);
}

/* Does the device @name lie on @lower: as its partition, or as a device that is made of it? */
static bool lies_on(const char *name, const char *lower, unsigned int depth)
{
	char path[PATH_MAX], disk[NAME_MAX + 1];
	struct dirent *entry;
	bool found = !strcmp(name, lower);
	DIR *dir;

	if (found || !depth)
		return found;
	if (sysfs_disk_of(name, disk))
		found = lies_on(disk, lower, depth - 1);
	snprintf(path, sizeof(path), "/sys/class/block/%s/slaves", name);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && lies_on(entry->d_name, lower, depth - 1);
	if (dir)
		closedir(dir);
	return found;
}

/** disks_overlap() - are two devices one device, or does one of them lie on the other? */
bool disks_overlap(dev_t a, dev_t b)
{
	char name_a[NAME_MAX + 1], name_b[NAME_MAX + 1];

	if (a == b)
		return true;
	return sysfs_name(a, name_a) && sysfs_name(b, name_b) &&
	       (lies_on(name_a, name_b, DEPTH) || lies_on(name_b, name_a, DEPTH));
}
