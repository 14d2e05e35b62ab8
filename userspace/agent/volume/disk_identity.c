// SPDX-License-Identifier: MIT
/*
 * The identity of a disk, from sysfs: the uuid of a device-mapper or md device, the WWN or the
 * serial number of a disk, the file of a loop device, and the uuid of a partition. udev's database is
 * not asked: it may be older than the disk.
 */
#include "agent/volume/disk_identity.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/volume/sysfs.h"
#include "lib/base/text.h"

#define NONE	"none"
#define DM_NAME "dm-name:"
#define DM_UUID "dm-uuid:"
#define MD_UUID "md-uuid:"

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
static char *identify_loop(const char *name)
{
	_cleanup_text_ char *file = sysfs_read(name, "loop/backing_file");
	_cleanup_text_ char *offset = sysfs_read(name, "loop/offset");
	struct stat st = { 0 };

	if (!file)
		return strdup(NONE);
	stat(file, &st);
	return text_format("file:%llu+%s:%s", (unsigned long long)st.st_ino, offset ? offset : "",
			   file);
}

static char *identify_whole(const char *name)
{
	static const struct {
		const char *attribute;
		const char *word;
	} attributes[] = {
		{ "dm/uuid", DM_UUID },		{ "dm/name", DM_NAME }, { "md/uuid", MD_UUID },
		{ "device/wwid", "wwid:" },	{ "wwid", "wwid:" },	{ "serial", "serial:" },
		{ "device/serial", "serial:" },
	};

	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
		_cleanup_text_ char *text = sysfs_read(name, attributes[i].attribute);
		const char *word = text ? trim(text) : "";

		if (word[0])
			return text_format("%s%s", attributes[i].word, word);
	}
	return identify_loop(name);
}

/* The partition's entry in the table of its disk; NULL without a uuid. */
static char *partition_uuid(const char *name)
{
	_cleanup_text_ char *node = sysfs_node(name);
	blkid_probe probe = node ? blkid_new_probe_from_filename(node) : NULL;
	const char *value = NULL;
	char *uuid = NULL;

	if (!probe)
		return NULL;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
	if (blkid_do_safeprobe(probe) == 0 &&
	    blkid_probe_lookup_value(probe, "PART_ENTRY_UUID", &value, NULL) == 0)
		uuid = strdup(value);
	blkid_free_probe(probe);
	return uuid;
}

/**
 * disk_identity() - what identifies a block device
 *
 * Return: one line, for free(); "none" for a device that has nothing but its path, NULL without memory.
 */
char *disk_identity(dev_t number)
{
	_cleanup_text_ char *name = sysfs_name(number), *disk = NULL, *whole = NULL, *uuid = NULL;
	_cleanup_text_ char *partition = NULL;

	if (!name)
		return errno == ENOMEM ? NULL : strdup(NONE);
	disk = sysfs_disk_of(name);
	whole = identify_whole(disk ? disk : name);
	if (!disk || !whole)
		return text_take(&whole);
	uuid = partition_uuid(name);
	if (uuid)
		return text_format("%s partuuid:%s", whole, uuid);
	partition = sysfs_read(name, "partition");
	return text_format("%s part:%s", whole, partition ? partition : "");
}

/**
 * disk_node() - the kernel's own path of a block device, which only root can exchange
 *
 * Return: for free(), or NULL if there is no such device, or /dev has something else under its name.
 */
char *disk_node(dev_t number)
{
	_cleanup_text_ char *name = sysfs_name(number);
	_cleanup_text_ char *node = name ? sysfs_node(name) : NULL;
	struct stat st;

	if (!node || stat(node, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != number)
		return NULL;
	return text_take(&node);
}

/**
 * disk_identity_proves() - are two identities, seen under different paths, those of one disk?
 * @stored: from the catalog, NULL if it has none
 * @seen: of a device under another path; NULL if it is not known
 *
 * The name of a device-mapper device is no proof: a renaming gives it to another device.
 */
bool disk_identity_proves(const char *stored, const char *seen)
{
	return stored && seen && stored[0] && !strcmp(stored, seen) && strcmp(stored, NONE) &&
	       strncmp(stored, NONE " part:", strlen(NONE " part:")) &&
	       strncmp(stored, DM_NAME, strlen(DM_NAME));
}

static bool starts_with(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word));
}

/* Multipath makes the uuid of a map, and kpartx that of its partition, from the WWN of the disk. */
static bool is_multipath(const char *uuid)
{
	if (starts_with(uuid, "part")) {
		uuid += strlen("part");
		uuid += strspn(uuid, "0123456789");
		uuid += *uuid == '-';
	}
	return starts_with(uuid, "mpath-");
}

/**
 * disk_identity_is_copied() - does a copy of all blocks of a disk, under its path, have its
 * identity too?
 * @identity: of a device; NULL if it is not known
 *
 * The uuids of LVM, md and partition tables are on the disk. A WWN, a serial number and a file are not.
 */
bool disk_identity_is_copied(const char *identity)
{
	if (!identity || !identity[0] || starts_with(identity, NONE))
		return true;
	if (starts_with(identity, DM_UUID))
		return !is_multipath(identity + strlen(DM_UUID));
	return starts_with(identity, DM_NAME) || starts_with(identity, MD_UUID);
}
