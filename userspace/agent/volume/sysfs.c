// SPDX-License-Identifier: MIT
/* Block devices in sysfs, by the kernel's name. Nothing is read from a device here. */
#include "agent/volume/sysfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/** sysfs_read() - read one line of a device's attribute; false, and "", if it is missing or empty */
bool sysfs_read(const char *name, const char *attribute, char text[PATH_MAX])
{
	char path[PATH_MAX];
	FILE *file;

	text[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, attribute);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(text, PATH_MAX, file))
		text[strcspn(text, "\n")] = 0;
	fclose(file);
	return text[0];
}

/* The @up-th part from the end of the path of a device's folder. */
static bool part_of_path(const char *link, unsigned int up, char part[NAME_MAX + 1])
{
	char folder[PATH_MAX], *slash;

	if (!realpath(link, folder))
		return false;
	while ((slash = strrchr(folder, '/')) && up--)
		*slash = 0;
	if (!slash)
		return false;
	snprintf(part, NAME_MAX + 1, "%.*s", NAME_MAX, slash + 1);
	return true;
}

/** sysfs_name() - the kernel's name of a block device; false if there is no such device */
bool sysfs_name(dev_t number, char name[NAME_MAX + 1])
{
	char link[64];

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(number), minor(number));
	return part_of_path(link, 0, name);
}

/** sysfs_disk_of() - the name of the disk of @partition; false if the device is no partition */
bool sysfs_disk_of(const char *partition, char disk[NAME_MAX + 1])
{
	char link[PATH_MAX], number[PATH_MAX];

	snprintf(link, sizeof(link), "/sys/class/block/%s", partition);
	return sysfs_read(partition, "partition", number) && part_of_path(link, 1, disk);
}

/** sysfs_node() - the kernel's own path of a device: '!' in the name is '/' in the path */
void sysfs_node(const char *name, char node[PATH_MAX])
{
	snprintf(node, PATH_MAX, "/dev/%s", name);
	for (char *c = node; *c; c++)
		if (*c == '!')
			*c = '/';
}
