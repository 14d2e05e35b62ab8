// SPDX-License-Identifier: MIT
/* The holders of a block device, of its disk and of its partitions. See device_holders.h. */

#include "lib/header/device_holders.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/text.h"

struct list {
	struct device_holder *items;
	size_t count;
};

/* Return: a glob of @pattern in @folder; -ENOMEM, or 0 with what is there, for globfree(). */
static int look(const char *folder, const char *pattern, glob_t *found)
{
	_cleanup_text_ char *path = text_format("%s/%s", folder, pattern);

	*found = (glob_t){ 0 };
	if (!path)
		return -ENOMEM;
	return glob(path, GLOB_NOSORT, NULL, found) == GLOB_NOSPACE ? -ENOMEM : 0;
}

/* Adds what holds the device in @folder. */
static int add(struct list *list, const char *folder, bool related)
{
	_cleanup_text_ char *real = related ? realpath(folder, NULL) : NULL;
	struct device_holder *grown;
	glob_t found;
	int r = look(folder, "holders/*", &found);

	if (!r && found.gl_pathc) {
		grown = realloc(list->items, (list->count + found.gl_pathc) * sizeof(*grown));
		if (!grown)
			r = -ENOMEM;
		else
			list->items = grown;
	}
	for (size_t i = 0; !r && i < found.gl_pathc; i++) {
		struct device_holder *holder = &list->items[list->count++];

		*holder = (struct device_holder){ .related = related };
		snprintf(holder->name, sizeof(holder->name), "%s",
			 strrchr(found.gl_pathv[i], '/') + 1);
		if (real)
			snprintf(holder->held, sizeof(holder->held), "%s", strrchr(real, '/') + 1);
	}
	globfree(&found);
	return r;
}

/* Adds what holds the partitions of the disk in @folder. */
static int add_partitions(struct list *list, const char *folder)
{
	glob_t found;
	int r = look(folder, "*/partition", &found);

	for (size_t i = 0; !r && i < found.gl_pathc; i++) {
		*strrchr(found.gl_pathv[i], '/') = 0;
		r = add(list, found.gl_pathv[i], true);
	}
	globfree(&found);
	return r;
}

/* Adds what holds the disk of the partition in @folder, or the partitions of the disk there. */
static int add_related(struct list *list, const char *folder)
{
	_cleanup_text_ char *partition = text_format("%s/partition", folder);
	_cleanup_text_ char *disk = text_format("%s/..", folder);

	if (!partition || !disk)
		return -ENOMEM;
	return access(partition, F_OK) ? add_partitions(list, folder) : add(list, disk, true);
}

/**
 * device_holders_list() - all devices that hold a block device, its disk, or a partition of it
 * @folder: of the device in sysfs, or a link to it
 * @ret: those of the device itself come first; to be freed with free()
 *
 * A holder of another partition of the same disk is not in the list: it holds other blocks.
 *
 * Return: their number, or -ENOMEM: then there may be more.
 */
ssize_t device_holders_list(const char *folder, struct device_holder **ret)
{
	struct list list = { 0 };
	int r = add(&list, folder, false);

	if (!r)
		r = add_related(&list, folder);
	*ret = list.items;
	return r ? r : (ssize_t)list.count;
}
