// SPDX-License-Identifier: MIT
/*
 * Backups of volume headers through libcryptsetup, which takes files: a backup is written to a file
 * in a folder of its own, and put back from a file without a name. See header_backup.h.
 */

#include "lib/header/header_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"
#include "lib/header/header.h"
#include "lib/header/header_owner.h"
#include "lib/header/inspect.h"
#include "lib/header/luks.h"

#define NAME "the backup"

static int file_fault(struct fault *f)
{
	return fault_set(f, "InternalFailure",
			 "The agent cannot make a file for the backup: %s. Check the room in /tmp.",
			 strerror(errno));
}

/* Reads the backup file, which libcryptsetup has made for root only. */
static int read_file(const char *path, uint8_t bytes[HEADER_BACKUP_BYTES], struct fault *f)
{
	int _cleanup_close_ fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, bytes, HEADER_BACKUP_BYTES) != HEADER_BACKUP_BYTES)
		return file_fault(f);
	return 0;
}

/**
 * header_backup_make() - the header of a volume as a backup
 * @bytes: filled
 * @out: the header in @bytes, checked
 * @f: InvalidVolumeHeader when the device holds no volume or a damaged header
 *
 * May be called while the device is in use.
 *
 * Return: 0 or -1.
 */
int header_backup_make(const char *device, uint8_t bytes[HEADER_BACKUP_BYTES],
		       struct volume_header *out, struct fault *f)
{
	char folder[] = "/tmp/envelope-header-XXXXXX";
	_cleanup_text_ char *path = NULL;
	struct luks _cleanup_luks_ luks = { 0 };
	int r;

	if (luks_load(&luks, device, -1, f))
		return -1;
	if (!mkdtemp(folder))
		return file_fault(f);
	path = text_format("%s/header", folder);
	r = path ? crypt_header_backup(luks.cd, CRYPT_LUKS2, path) : -ENOMEM;
	if (r)
		r = luks_fault(&luks, r, "Cannot back up the volume header of", f);
	else
		r = read_file(path, bytes, f);
	if (path)
		unlink(path);
	rmdir(folder);
	return r ? r : header_backup_read(bytes, out, f);
}

/* A file without a name that holds the backup as libcryptsetup wants it: @path leads to it. */
static int open_backup(const uint8_t bytes[HEADER_BACKUP_BYTES], char path[32], struct fault *f)
{
	int fd = memfd_create("header", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, HEADER_BACKUP_BYTES) != HEADER_BACKUP_BYTES ||
	    ftruncate(fd, VOLUME_DATA_OFFSET)) {
		file_fault(f);
		file_close(&fd);
		return -1;
	}
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

/**
 * header_backup_read() - read, check and hash the header in a backup
 * @out: filled except for @data_sectors
 * @f: InvalidVolumeHeader when the bytes are no backup of a finished volume's header
 *
 * Return: 0 or -1.
 */
int header_backup_read(const uint8_t bytes[HEADER_BACKUP_BYTES], struct volume_header *out,
		       struct fault *f)
{
	char path[32];
	int _cleanup_close_ fd = open_backup(bytes, path, f);
	struct luks _cleanup_luks_ luks = { 0 };

	if (fd < 0 || luks_open(&luks, path, fd, f))
		return -1;
	luks.device = NAME;
	if (crypt_load(luks.cd, CRYPT_LUKS2, NULL))
		return fault_set(f, LUKS_INVALID,
				 "The backup holds no LUKS2 header, or a damaged one.");
	if (header_inspect(&luks, out, f))
		return -1;
	if (!out->wrapped_key_size && !out->plain)
		return fault_set(f, LUKS_INVALID,
				 "The backup is of a volume that was never completed.");
	return 0;
}

/* The bytes of a file of open_backup() after a change. */
static int take_back(int fd, uint8_t bytes[HEADER_BACKUP_BYTES], struct fault *f)
{
	return pread(fd, bytes, HEADER_BACKUP_BYTES, 0) == HEADER_BACKUP_BYTES ? 0 : file_fault(f);
}

/**
 * header_backup_set_owner() - replace the owner that a backup names
 * @bytes: passed header_backup_read(); changed
 * @owner: as for header_replace_owner()
 *
 * A backup names the owner of the day when it was made: the volume may be another host's by now.
 *
 * Return: 0 or -1.
 */
int header_backup_set_owner(uint8_t bytes[HEADER_BACKUP_BYTES], const struct volume_owner *owner,
			    struct fault *f)
{
	char path[32];
	int _cleanup_close_ fd = open_backup(bytes, path, f);
	struct luks _cleanup_luks_ luks = { 0 };

	if (fd < 0 || luks_load(&luks, path, fd, f) || header_replace_owner(&luks, owner, f))
		return -1;
	return take_back(fd, bytes, f);
}

/**
 * header_backup_set_state() - replace the state that a backup records
 * @bytes: passed header_backup_read(); changed
 * @volume_id: of the volume in the backup
 * @state, @reason: as for header_set_state()
 *
 * Return: 0 or -1.
 */
int header_backup_set_state(uint8_t bytes[HEADER_BACKUP_BYTES], const char *volume_id,
			    const char *state, const char *reason, struct fault *f)
{
	char path[32];
	int _cleanup_close_ fd = open_backup(bytes, path, f);

	if (fd < 0 || header_set_state(path, fd, volume_id, state, reason, f) < 0)
		return -1;
	return take_back(fd, bytes, f);
}

/**
 * header_backup_pack() - the first copy of the metadata in a backup, without the zeros at its end
 * @bytes: passed header_backup_read()
 * @ret: for header_backup_free()
 *
 * Return: 0 or -ENOMEM.
 */
int header_backup_pack(const uint8_t bytes[HEADER_BACKUP_BYTES], struct packed_header *ret)
{
	size_t size = HEADER_BACKUP_BYTES / 2;

	while (size && !bytes[size - 1])
		size--;
	ret->bytes = malloc(size ? size : 1);
	if (!ret->bytes)
		return -ENOMEM;
	memcpy(ret->bytes, bytes, size);
	ret->size = size;
	return 0;
}

/**
 * header_backup_unpack() - make a backup of a packed one: libcryptsetup makes the second copy again
 * @bytes: filled
 * @f: InvalidVolumeHeader when @packed is damaged
 *
 * The caller must call header_backup_read() on @bytes.
 *
 * Return: 0 or -1.
 */
int header_backup_unpack(const struct packed_header *packed, uint8_t bytes[HEADER_BACKUP_BYTES],
			 struct fault *f)
{
	struct luks _cleanup_luks_ luks = { 0 };
	int _cleanup_close_ fd = -1;
	char path[32];

	if (packed->size > HEADER_BACKUP_BYTES / 2)
		return fault_set(f, LUKS_INVALID, "The copy of the header is damaged: too long.");
	memset(bytes, 0, HEADER_BACKUP_BYTES);
	memcpy(bytes, packed->bytes, packed->size);
	fd = open_backup(bytes, path, f);
	if (fd < 0 || luks_load(&luks, path, fd, f))
		return -1;
	return take_back(fd, bytes, f);
}

/** header_backup_free() - free the bytes */
void header_backup_free(struct packed_header *packed)
{
	free(packed->bytes);
	*packed = (struct packed_header){ 0 };
}

static int other_data(const char *device, const char *what, struct fault *f)
{
	return fault_set(f, "InvalidParameterCombination",
			 "%s holds other data (%s). Nothing was written. If the data are not needed, remove them with wipefs -a, which leaves the rest of the disk as it is: a header can be put back then.",
			 device, what);
}

/*
 * The header may be damaged or gone. Any other content of the device stays as it is. libblkid
 * calls LUKS1
 * and the LUKS2 of other programs the same as a volume. Only a volume has the name of its subsystem, in
 * both copies of the header.
 */
static int check_content(const char *device, int claim, const char *volume_id, struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct luks _cleanup_luks_ luks = { 0 };
	struct block_device_contents contents;
	const char *found;

	if (block_device_probe(device, claim, &contents, f))
		return -1;
	if (contents.found && strcmp(contents.what, "crypto_LUKS"))
		return other_data(device, contents.what, f);
	if (luks_load(&luks, device, claim, f)) {
		if (strcmp(f->code, LUKS_INVALID))
			return -1;
		return contents.found && strcmp(contents.subsystem, VOLUME_SUBSYSTEM)
			       ? other_data(device, "LUKS, but no volume", f)
			       : 0;
	}
	token = luks_get_token(&luks, VOLUME_TOKEN);
	found = json_get_string(token, "volume_id");
	if (found && !strcmp(found, volume_id))
		return 0;
	return fault_set(f, LUKS_INVALID,
			 "%s holds the header of %.64s, not of the volume %s. Nothing was written.",
			 device, found ? found : "another LUKS2 device", volume_id);
}

/**
 * header_backup_restore() - write a backup to the header area of a device
 * @claim: of @device, from a caller that keeps other users from it; -1: the function takes the device
 * @volume_id: of the volume in the backup
 * @bytes: passed header_backup_read(), and names the owner that the device is to have
 * @f: InvalidParameterCombination when the device holds other data, InvalidParameterValue when it is
 *	write-protected, InvalidVolumeHeader when it holds another volume
 *
 * Return: 0 or -1.
 */
int header_backup_restore(const char *device, int claim, const char *volume_id,
			  const uint8_t bytes[HEADER_BACKUP_BYTES], struct fault *f)
{
	char path[32];
	int _cleanup_close_ fd = open_backup(bytes, path, f);
	struct luks _cleanup_luks_ luks = { 0 };
	int _cleanup_close_ own = -1;
	struct volume_header now;
	int r;

	if (claim < 0)
		claim = own = block_device_take(device, f);
	if (fd < 0 || claim < 0 || block_device_check_writable(device, claim, f) ||
	    check_content(device, claim, volume_id, f) || luks_open(&luks, device, claim, f))
		return -1;
	r = crypt_header_restore(luks.cd, CRYPT_LUKS2, path);
	if (r)
		return luks_write_fault(&luks, r, "Cannot restore the volume header of", f);
	*f = (struct fault){ 0 };
	return header_read_claimed(device, claim, &now, f);
}
