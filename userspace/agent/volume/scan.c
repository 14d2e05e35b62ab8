// SPDX-License-Identifier: MIT
/*
 * Looks at every block device of the host for a volume header. Runs in the device
 * thread: a disk that hangs must not hold up the leases.
 */
#include "agent/volume/scan.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/volume/disks.h"
#include "agent/volume/sysfs.h"
#include "agent/volume/thin_name.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"

/* The two copies of a LUKS2 header's metadata, in the sizes of the profile. */
#define COPY_BYTES (16 * 1024)

/*
 * A cheap look before libblkid's: a start of one volume looks at all disks. Does the device begin
 * with one of the two copies of a LUKS2 header, which has the word @volume_id?
 */
static bool may_hold(int fd, const char *volume_id)
{
	static const char first[] = "LUKS\xba\xbe", second[] = "SKUL\xba\xbe";
	char start[2 * COPY_BYTES];
	ssize_t size = pread(fd, start, sizeof(start), 0);

	if (size != (ssize_t)sizeof(start) ||
	    (memcmp(start, first, 6) && memcmp(start + COPY_BYTES, second, 6)))
		return false;
	return !volume_id || memmem(start, sizeof(start), volume_id, strlen(volume_id));
}

static void report(const char *path, const char *reason, json_object *unreadable)
{
	if (unreadable)
		json_add_string(unreadable, path, reason);
	else
		log_warning(SCAN_UNREADABLE, path, reason);
}

/*
 * libblkid knows the member of an array that begins as a volume does, and does not call it LUKS. What
 * tells the two apart may be at the end of the device.
 *
 * Return: -1 with a fault when the device cannot be read, else 1 or 0.
 */
static int looks_like_ours(const char *path, int fd, struct fault *f)
{
	struct block_device_contents contents;

	if (block_device_probe(path, fd, &contents, f) < 0)
		return -1;
	return contents.found && !strcmp(contents.what, "crypto_LUKS") &&
	       !strcmp(contents.subsystem, VOLUME_SUBSYSTEM);
}

static bool look(const char *path, int fd, struct scanned *ret, json_object *unreadable)
{
	struct stat st;
	struct fault f;

	if (fstat(fd, &st) < 0)
		return false;
	ret->device = strdup(path);
	ret->number = st.st_rdev;
	ret->disk = disk_identity(st.st_rdev);
	if (!ret->device || !ret->disk) {
		log_error("Out of memory.");
		return false;
	}
	if (header_read_claimed(path, fd, &ret->header, &f) == 0)
		return true;
	report(path, f.message, unreadable);
	return false;
}

/* A snapshot, or a volume that is being restored, is known by its name: see thin_is_another(). */
static bool is_another(const struct scanned *volume)
{
	_cleanup_text_ char *name = sysfs_name(volume->number);
	_cleanup_text_ char *dm_name = name ? sysfs_read(name, "dm/name") : NULL;

	return dm_name && thin_is_another(dm_name, volume->header.volume_id);
}

static void clear(struct scanned *volume)
{
	free(volume->device);
	free(volume->disk);
}

/**
 * scan_volumes() - find all volumes, or all devices that hold one volume
 * @volume_id: of the volume; NULL for all
 * @ret: for scan_free()
 * @unreadable: filled with path and reason of each device that only looks like a volume; NULL: logged
 *
 * Return: their number.
 */
size_t scan_volumes(const char *volume_id, struct scanned **ret, json_object *unreadable)
{
	struct scanned *list = NULL;
	struct disk *disks = NULL;
	size_t all = disks_list(&disks), count = 0;

	for (size_t i = 0; i < all; i++) {
		const char *path = disks[i].path;
		/* Opened once: number and header are of one device, whatever the path becomes. */
		int _cleanup_close_ fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		struct scanned *grown;
		struct fault f;
		int ours;

		if (fd < 0 || !may_hold(fd, volume_id))
			continue;
		ours = looks_like_ours(path, fd, &f);
		if (ours < 0)
			report(path, f.message, unreadable);
		if (ours <= 0)
			continue;
		grown = realloc(list, (count + 1) * sizeof(*list));
		if (!grown)
			break;
		list = grown;
		list[count] = (struct scanned){ 0 };
		if (look(path, fd, &list[count], unreadable) && !is_another(&list[count]) &&
		    (!volume_id || !strcmp(list[count].header.volume_id, volume_id)))
			count++;
		else
			clear(&list[count]);
	}
	disks_free(disks, all);
	*ret = list;
	return count;
}

/** scan_free() - free a list of scan_volumes() */
void scan_free(struct scanned *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		clear(&list[i]);
	free(list);
}
