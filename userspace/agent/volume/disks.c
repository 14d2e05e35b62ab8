// SPDX-License-Identifier: MIT
/* The block devices of the host, from sysfs. Their contents are not read here. */
#include "agent/volume/disks.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "agent/volume/mapper.h"
#include "agent/volume/sysfs.h"
#include "lib/base/text.h"
#include "lib/header/device_holders.h"

#define DEPTH 16 /* layers of devices; a bound, in case sysfs has a circle */

/* The path by which people know the device: a device-mapper device by its name. */
static char *device_path(const char *name)
{
	_cleanup_text_ char *dm_name = sysfs_read(name, "dm/name");

	return dm_name ? text_format("/dev/mapper/%s", dm_name) : sysfs_node(name);
}

static bool is_marked(const char *uuid)
{
	return uuid && !strncmp(uuid, MAPPER_UUID_PREFIX, strlen(MAPPER_UUID_PREFIX));
}

/*
 * Is the device the mapping of a volume? The agent marks its own with a uuid. A device that was made
 * by hand has another uuid or none, so the kernel is asked for its target.
 */
static bool is_mapping(const char *name)
{
	_cleanup_text_ char *dm_name = sysfs_read(name, "dm/name");
	_cleanup_text_ char *uuid = sysfs_read(name, "dm/uuid");

	return dm_name && (is_marked(uuid) || mapper_is_mapping(dm_name));
}

/*
 * Finds a device on top of @name that is not the mapping of a volume. A device on top of the disk of a
 * partition, or of a partition of the disk, has the same blocks: then the mapping of a volume counts
 * too, since its volume is the one on the held device. Return: as disks_holder().
 */
static int find_holder(const char *name, char **holder)
{
	_cleanup_text_ char *folder = text_format("/sys/class/block/%s", name);
	struct device_holder *holders = NULL;
	bool found = false;
	ssize_t count;

	*holder = NULL;
	if (!folder)
		return -ENOMEM;
	count = device_holders_list(folder, &holders);
	for (ssize_t i = 0; i < count && !found; i++) {
		found = holders[i].related || !is_mapping(holders[i].name);
		if (found)
			*holder = device_path(holders[i].name);
	}
	free(holders);
	if (count < 0 || (found && !*holder))
		return -ENOMEM;
	return found;
}

/*
 * LVM names what lies between its volumes and the disks with a suffix behind two uuids of 32 characters,
 * such as a thin pool and its data. The first block of a pool's data is the first block of one of its
 * volumes: the header there is no second volume.
 */
static bool is_inside_lvm(const char *uuid)
{
	return uuid && !strncmp(uuid, "LVM-", 4) && strlen(uuid) > 4 + 64;
}

/*
 * Empty drives and loop devices without a file have no size and no volume. A suspended device
 * would hold the thread until it is resumed. A device on top of a volume is not a volume. Nor is a
 * device that another device holds, such as the leg of a mirror or a path of multipath: a program that
 * writes to it writes behind the back of the device on top. A partition of such a leg is the leg.
 */
static bool is_worth_a_look(const char *name)
{
	_cleanup_text_ char *size = sysfs_read(name, "size");
	_cleanup_text_ char *suspended = sysfs_read(name, "dm/suspended");
	_cleanup_text_ char *uuid = sysfs_read(name, "dm/uuid");
	_cleanup_text_ char *holder = NULL;

	return size && strtoull(size, NULL, 10) > 0 && (!suspended || strcmp(suspended, "1")) &&
	       !is_marked(uuid) && !is_inside_lvm(uuid) && find_holder(name, &holder) == 0;
}

/**
 * disks_list() - the devices on which a volume may be
 * @ret: for disks_free()
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
		list[count].path = device_path(entry->d_name);
		if (!list[count].path)
			break;
		count++;
	}
	if (dir)
		closedir(dir);
	*ret = list;
	return count;
}

/**
 * disks_holder() - find a device on top of @number that is not the mapping of a volume
 * @holder: its path, for free(); NULL without one
 *
 * A device on top of the disk of a partition, or of a partition of the disk, counts in any case.
 *
 * Return: 1 if there is one, 0 without one, or -ENOMEM: then there may be one.
 */
int disks_holder(dev_t number, char **holder)
{
	_cleanup_text_ char *name = sysfs_name(number);

	*holder = NULL;
	if (!name)
		return errno == ENOMEM ? -ENOMEM : 0;
	return find_holder(name, holder);
}

/**
 * disks_held_by_volume() - is the device of a volume on @number, and nothing else?
 *
 * Asks the kernel for the table of the device on top: its name and its uuid prove nothing.
 */
bool disks_held_by_volume(dev_t number, const char *volume_id)
{
	struct device_holder *holders = NULL;
	struct mapping mapping;
	char folder[64];
	ssize_t count;
	bool held;

	snprintf(folder, sizeof(folder), "/sys/dev/block/%u:%u", major(number), minor(number));
	count = device_holders_list(folder, &holders);
	held = count > 0;
	for (ssize_t i = 0; i < count && held; i++) {
		_cleanup_text_ char *dm_name = sysfs_read(holders[i].name, "dm/name");

		held = !holders[i].related && dm_name && mapper_find(dm_name, &mapping) &&
		       mapping.below == number && !strcmp(mapping.volume_id, volume_id);
	}
	free(holders);
	return held;
}

/*
 * Does the device @name lie on @lower: as its partition, or as a device that is made of it? Without
 * memory it may.
 */
static bool lies_on(const char *name, const char *lower, unsigned int depth)
{
	_cleanup_text_ char *path = NULL, *disk = NULL;
	struct dirent *entry;
	bool found = !strcmp(name, lower);
	DIR *dir;

	if (found || !depth)
		return found;
	disk = sysfs_disk_of(name);
	if (disk)
		found = lies_on(disk, lower, depth - 1);
	path = text_format("/sys/class/block/%s/slaves", name);
	if (!path)
		return true;
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
	_cleanup_text_ char *name_a = sysfs_name(a), *name_b = sysfs_name(b);

	if (a == b)
		return true;
	return name_a && name_b &&
	       (lies_on(name_a, name_b, DEPTH) || lies_on(name_b, name_a, DEPTH));
}
