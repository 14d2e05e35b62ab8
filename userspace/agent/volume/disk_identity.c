// SPDX-License-Identifier: MIT
/*
 * The identity of a disk, from sysfs: the uuid of a device-mapper or md device, the WWN or the
 * serial number of a disk, the file of a loop device, and the uuid of a partition. udev's database is
 * not asked: it may be older than the disk.
 */
#include "agent/volume/disk_identity.h"

#include <blkid/blkid.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/volume/sysfs.h"

#define NONE	"none"
#define DM_NAME "dm-name:"

/* Some drivers fill up a serial number or a WWN with blanks. */
static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	for (length = strlen(text); length && strchr(" \t", text[length - 1]); length--)
		;
	text[length] = 0;
	return text;
}

/* A loop device is what its file is. A copy that was put in the file's place is another inode. */
static bool identify_loop(const char *name, char identity[DISK_IDENTITY_MAX])
{
	char file[PATH_MAX], offset[PATH_MAX];
	struct stat st = { 0 };

	if (!sysfs_read(name, "loop/backing_file", file))
		return false;
	sysfs_read(name, "loop/offset", offset);
	stat(file, &st);
	snprintf(identity, DISK_IDENTITY_MAX, "file:%llu+%.20s:%.*s", (unsigned long long)st.st_ino,
		 offset, PATH_MAX - 64, file);
	return true;
}

static void identify_whole(const char *name, char identity[DISK_IDENTITY_MAX])
{
	static const struct {
		const char *attribute;
		const char *word;
	} attributes[] = {
		{ "dm/uuid", "dm-uuid:" },	{ "dm/name", DM_NAME }, { "md/uuid", "md-uuid:" },
		{ "device/wwid", "wwid:" },	{ "wwid", "wwid:" },	{ "serial", "serial:" },
		{ "device/serial", "serial:" },
	};
	char text[PATH_MAX], *word;

	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
		sysfs_read(name, attributes[i].attribute, text);
		word = trim(text);
		if (!word[0])
			continue;
		snprintf(identity, DISK_IDENTITY_MAX, "%s%.*s", attributes[i].word,
			 DISK_IDENTITY_MAX - 16, word);
		return;
	}
	if (!identify_loop(name, identity))
		snprintf(identity, DISK_IDENTITY_MAX, NONE);
}

/* The partition's entry in the table of its disk; "" without a uuid. */
static void partition_uuid(const char *name, char uuid[64])
{
	char node[PATH_MAX];
	const char *value = NULL;
	blkid_probe probe;

	uuid[0] = 0;
	sysfs_node(name, node);
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
	char name[NAME_MAX + 1], disk[NAME_MAX + 1], partition[PATH_MAX], uuid[64];
	size_t length;

	snprintf(identity, DISK_IDENTITY_MAX, NONE);
	if (!sysfs_name(number, name))
		return;
	if (!sysfs_disk_of(name, disk)) {
		identify_whole(name, identity);
		return;
	}
	sysfs_read(name, "partition", partition);
	partition_uuid(name, uuid);
	identify_whole(disk, identity);
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
	char name[NAME_MAX + 1];
	struct stat st;

	if (!sysfs_name(number, name))
		return false;
	sysfs_node(name, node);
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
