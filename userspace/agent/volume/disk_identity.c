// SPDX-License-Identifier: MIT
/*
 * The identity of a disk, from sysfs: the uuid of a device-mapper or md device, the WWN or the
 * serial number of a disk, the file of a loop device, and the uuid of a partition. udev's database is
 * not asked: it may be older than the disk.
 */
#include "agent/volume/disk_identity.h"

#include <blkid/blkid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NONE	"none"
#define DM_NAME "dm-name:"

/* Reads one line of @folder, without blanks at its ends. Return: false if it is missing or empty. */
static bool read_line(const char *folder, const char *attribute, char text[PATH_MAX])
{
	char path[2 * PATH_MAX];
	size_t length, blanks;
	FILE *file;

	text[0] = 0;
	snprintf(path, sizeof(path), "%s/%s", folder, attribute);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, PATH_MAX, file))
		text[0] = 0;
	fclose(file);
	for (length = strlen(text); length && strchr(" \t\n", text[length - 1]); length--)
		;
	text[length] = 0;
	blanks = strspn(text, " \t");
	memmove(text, text + blanks, length - blanks + 1);
	return text[0];
}

/* A loop device is what its file is. A copy that was put in the file's place is another inode. */
static bool identify_loop(const char *folder, char identity[DISK_IDENTITY_MAX])
{
	char file[PATH_MAX], offset[PATH_MAX];
	struct stat st = { 0 };

	if (!read_line(folder, "loop/backing_file", file))
		return false;
	read_line(folder, "loop/offset", offset);
	stat(file, &st);
	snprintf(identity, DISK_IDENTITY_MAX, "file:%llu+%.20s:%.*s", (unsigned long long)st.st_ino,
		 offset, PATH_MAX - 64, file);
	return true;
}

static void identify_whole(const char *folder, char identity[DISK_IDENTITY_MAX])
{
	static const struct {
		const char *attribute;
		const char *word;
	} attributes[] = {
		{ "dm/uuid", "dm-uuid:" },	{ "dm/name", DM_NAME }, { "md/uuid", "md-uuid:" },
		{ "device/wwid", "wwid:" },	{ "wwid", "wwid:" },	{ "serial", "serial:" },
		{ "device/serial", "serial:" },
	};
	char text[PATH_MAX];

	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
		if (!read_line(folder, attributes[i].attribute, text))
			continue;
		snprintf(identity, DISK_IDENTITY_MAX, "%s%.*s", attributes[i].word,
			 DISK_IDENTITY_MAX - 16, text);
		return;
	}
	if (!identify_loop(folder, identity))
		snprintf(identity, DISK_IDENTITY_MAX, NONE);
}

/* The partition's entry in the table of its disk; "" without a uuid. */
static void partition_uuid(const char *folder, char uuid[64])
{
	char node[PATH_MAX];
	const char *value = NULL;
	blkid_probe probe;

	uuid[0] = 0;
	snprintf(node, sizeof(node), "/dev/%s", strrchr(folder, '/') + 1);
	probe = blkid_new_probe_from_filename(node);
	if (!probe)
		return;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
	if (blkid_do_safeprobe(probe) == 0 &&
	    blkid_probe_lookup_value(probe, "PART_ENTRY_UUID", &value, NULL) == 0)
		snprintf(uuid, 64, "%s", value);
	blkid_free_probe(probe);
}

/**
 * disk_identity() - what identifies a block device
 * @identity: one line; "none" for a device that has nothing but its path
 */
void disk_identity(dev_t number, char identity[DISK_IDENTITY_MAX])
{
	char path[64], folder[PATH_MAX], partition[PATH_MAX], uuid[64];
	size_t length;

	snprintf(identity, DISK_IDENTITY_MAX, NONE);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(number), minor(number));
	if (!realpath(path, folder))
		return;
	if (!read_line(folder, "partition", partition)) {
		identify_whole(folder, identity);
		return;
	}
	partition_uuid(folder, uuid);
	*strrchr(folder, '/') = 0;
	identify_whole(folder, identity);
	length = strlen(identity);
	if (length > DISK_IDENTITY_MAX - 96)
		length = DISK_IDENTITY_MAX - 96;
	snprintf(identity + length, DISK_IDENTITY_MAX - length,
		 uuid[0] ? " partuuid:%s" : " part:%.8s", uuid[0] ? uuid : partition);
}

/**
 * disk_node() - the kernel's own path of a block device, which only root can exchange
 *
 * Return: false if there is no such device, or /dev has something else under its name.
 */
bool disk_node(dev_t number, char node[PATH_MAX])
{
	char path[64], folder[PATH_MAX], *name;
	struct stat st;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(number), minor(number));
	if (!realpath(path, folder))
		return false;
	name = strrchr(folder, '/') + 1;
	for (char *c = name; *c; c++)
		if (*c == '!')
			*c = '/';
	snprintf(node, PATH_MAX, "/dev/%s", name);
	return stat(node, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == number;
}

/**
 * disk_identity_proves() - are two identities, seen under different paths, those of one disk?
 * @stored: from the catalog, "" if it has none
 * @seen: of a device under another path
 *
 * The name of a device-mapper device is no proof: a renaming gives it to another device.
 */
bool disk_identity_proves(const char *stored, const char *seen)
{
	return stored[0] && !strcmp(stored, seen) && strcmp(stored, NONE) &&
	       strncmp(stored, NONE " part:", strlen(NONE " part:")) &&
	       strncmp(stored, DM_NAME, strlen(DM_NAME));
}
