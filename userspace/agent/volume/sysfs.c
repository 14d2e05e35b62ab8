// SPDX-License-Identifier: MIT
/* Block devices in sysfs, by the kernel's name. Nothing is read from a device here. */
#include "agent/volume/sysfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/base/text.h"

/** sysfs_read() - read one line of a device's attribute; NULL if it is missing or empty */
char *sysfs_read(const char *name, const char *attribute)
{
	_cleanup_text_ char *path = text_format("/sys/class/block/%s/%s", name, attribute);
	_cleanup_text_ char *line = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *file;

	file = path ? fopen(path, "re") : NULL;
	if (!file)
		return NULL;
	errno = 0;
	if (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = 0;
		text = line[0] ? strdup(line) : NULL;
	}
	fclose(file);
	return text;
}

/** sysfs_has() - has the device an attribute that is not empty? */
bool sysfs_has(const char *name, const char *attribute)
{
	_cleanup_text_ char *text = sysfs_read(name, attribute);

	return text;
}

/* The @up-th part from the end of the path of a device's folder. */
static char *part_of_path(const char *link, unsigned int up)
{
	_cleanup_text_ char *folder = link ? realpath(link, NULL) : NULL;
	char *slash;

	if (!folder)
		return NULL;
	while ((slash = strrchr(folder, '/')) && up--)
		*slash = 0;
	return slash ? strdup(slash + 1) : NULL;
}

/** sysfs_name() - the kernel's name of a block device; NULL if there is no such device */
char *sysfs_name(dev_t number)
{
	_cleanup_text_ char *link = text_format("/sys/dev/block/%u:%u", major(number),
						minor(number));

	return part_of_path(link, 0);
}

/** sysfs_disk_of() - the name of the disk of @partition; NULL if the device is no partition */
char *sysfs_disk_of(const char *partition)
{
	_cleanup_text_ char *link = NULL;

	if (!sysfs_has(partition, "partition"))
		return NULL;
	link = text_format("/sys/class/block/%s", partition);
	return part_of_path(link, 1);
}

/** sysfs_node() - the kernel's own path of a device: '!' in the name is '/' in the path */
char *sysfs_node(const char *name)
{
	char *node = text_format("/dev/%s", name);

	for (char *c = node; c && *c; c++)
		if (*c == '!')
			*c = '/';
	return node;
}
