// SPDX-License-Identifier: MIT
/*
 * A stand-in for agent/volume/disks.c, beside kernel_stand_in.c: the disks of the host are those that a
 * file names.
 *
 *	$ENVELOPE_STAND_IN/disks	paths of the disks that a scan looks at, one a line
 *	$ENVELOPE_STAND_IN/disk-looks	a byte for each look at all disks, by any job
 *	$ENVELOPE_STAND_IN/holders	"DISK HOLDER", one a line: a device on top of a disk
 *
 *	$ENVELOPE_STAND_IN/dm-names	"LOOP NAME", one a line: the device-mapper device that a loop device
 *					stands for
 *
 *	$ENVELOPE_STAND_IN/nameless	while this file exists, no disk has an identity: sysfs has no
 *					attributes but the size; what is in the file is the dm/uuid
 *					of each disk
 *
 * A volume's device does not have its disk for itself, as the kernel's has.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/volume/disks.h"
#include "agent/volume/mapper.h"
#include "agent/volume/sysfs.h"
#include "lib/base/text.h"

static const char *place(char path[512], const char *name)
{
	snprintf(path, 512, "%s/%s", getenv("ENVELOPE_STAND_IN"), name);
	return path;
}

static char *dm_name(const char *name)
{
	char path[512], loop[64], mapped[256], *found = NULL;
	FILE *names = fopen(place(path, "dm-names"), "re");

	while (names && !found && fscanf(names, "%63s %255s", loop, mapped) == 2)
		if (!strcmp(loop, name))
			found = strdup(mapped);
	if (names)
		fclose(names);
	return found;
}

/* Links of the linker's --wrap. */
char *__real_sysfs_read(const char *name, const char *attribute);
char *__wrap_sysfs_read(const char *name, const char *attribute);

char *__wrap_sysfs_read(const char *name, const char *attribute)
{
	char path[512], uuid[64] = "";
	FILE *nameless = fopen(place(path, "nameless"), "re");

	if (!strcmp(attribute, "dm/name")) {
		if (nameless)
			fclose(nameless);
		return dm_name(name);
	}

	if (!nameless || !strcmp(attribute, "size")) {
		if (nameless)
			fclose(nameless);
		return __real_sysfs_read(name, attribute);
	}
	if (!strcmp(attribute, "dm/uuid") && fscanf(nameless, "%63s", uuid) != 1)
		uuid[0] = 0;
	fclose(nameless);
	return uuid[0] ? strdup(uuid) : NULL;
}

int disks_holder(dev_t number, char **ret)
{
	char device[256], holder[256], path[512];
	struct stat st;
	FILE *holders = fopen(place(path, "holders"), "re");

	*ret = NULL;
	while (holders && !*ret && fscanf(holders, "%255s %255s", device, holder) == 2)
		*ret = stat(device, &st) == 0 && st.st_rdev == number ? strdup(holder) : NULL;
	if (holders)
		fclose(holders);
	return *ret != NULL;
}

bool disks_held_by_volume(dev_t number, const char *volume_id)
{
	_cleanup_text_ char *holder = NULL;
	char path[512];
	DIR *dir = opendir(place(path, "devices"));
	struct mapping mapping;
	struct dirent *entry;
	bool held = false;

	while (dir && !held && (entry = readdir(dir)))
		held = mapper_find(entry->d_name, &mapping) && mapping.below == number &&
		       !strcmp(mapping.volume_id, volume_id);
	if (dir)
		closedir(dir);
	return held && !disks_holder(number, &holder);
}

static bool lies_on(dev_t a, dev_t b)
{
	_cleanup_text_ char *holder = NULL;
	struct stat st;

	return disks_holder(b, &holder) && stat(holder, &st) == 0 && st.st_rdev == a;
}

bool disks_overlap(dev_t a, dev_t b)
{
	return a == b || lies_on(a, b) || lies_on(b, a);
}

size_t disks_list(struct disk **ret)
{
	struct disk *list = calloc(16, sizeof(*list));
	char path[512], device[256], *holder = NULL;
	struct stat st;
	FILE *disks = fopen(place(path, "disks"), "re");
	size_t count = 0;

	while (disks && count < 16 && fscanf(disks, "%255s", device) == 1)
		if (stat(device, &st) == 0 && !disks_holder(st.st_rdev, &holder))
			list[count++].path = strdup(device);
		else
			text_freep(&holder);
	if (disks)
		fclose(disks);
	disks = fopen(place(path, "disk-looks"), "ae");
	if (disks && fputc('.', disks))
		fclose(disks);
	*ret = list;
	return count;
}
