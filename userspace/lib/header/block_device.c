// SPDX-License-Identifier: MIT
/*
 * Size, use and contents of block devices, from the kernel and libblkid. See block_device.h.
 */

#include "lib/header/block_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkid.h>
#include <linux/fs.h>

#include "lib/base/file.h"

#define REFUSED	  "InvalidParameterValue"

#define AMBIGUOUS (-2) /* of libblkid, whose other negative numbers are errors: -errno or -1 */

static void free_probe(blkid_probe *probe)
{
	blkid_free_probe(*probe);
}

#define _cleanup_probe_ __attribute__((cleanup(free_probe)))

static int unreadable(const char *device, int error, struct fault *f)
{
	return fault_set(f, BLOCK_DEVICE_ERROR,
			 "%s cannot be read: %s. The disk or its path has a fault: look at dmesg.",
			 device, strerror(error));
}

/**
 * block_device_fault_code() - whose fault is an errno of a call that uses a disk?
 *
 * Return: BLOCK_DEVICE_ERROR if it says that the disk has gone or has a fault, else InternalFailure.
 */
const char *block_device_fault_code(int error)
{
	switch (error) {
	case EIO:
	case ENXIO:
	case ENODEV:
	case ENOMEDIUM:
	case EREMOTEIO:
	case ENODATA:
	case ENOLINK:
	case ETIMEDOUT:
	case EILSEQ:
		return BLOCK_DEVICE_ERROR;
	default:
		return "InternalFailure";
	}
}

static int write_protected(const char *device, const char *written, struct fault *f)
{
	return fault_set(f, REFUSED,
			 "%s is write-protected. %s Make the disk writable with 'blockdev --setrw %s' or at the storage, then try again. Until then a volume on the disk can be read: envelope cluster start --db-cluster-identifier NAME --read-only",
			 device, written, device);
}

/* False too for @fd -1. */
static bool is_protected(int fd)
{
	int protected = 0;

	return fd >= 0 && ioctl(fd, BLKROGET, &protected) == 0 && protected;
}

/**
 * block_device_is_protected() - is @device a block device that cannot be written to?
 *
 * False too if @device cannot be opened.
 */
bool block_device_is_protected(const char *device)
{
	int _cleanup_close_ fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return is_protected(fd);
}

/**
 * block_device_check_writable() - refuse a write-protected device before anything is written to it
 * @fd: of @device; -1: the function opens it
 *
 * Return: 0, or -1 with InvalidParameterValue in @f.
 */
int block_device_check_writable(const char *device, int fd, struct fault *f)
{
	if (fd < 0 ? !block_device_is_protected(device) : !is_protected(fd))
		return 0;
	return write_protected(device, "Nothing was written.", f);
}

/**
 * block_device_write_failed() - does the write protection of a device explain why a write failed?
 * @fd: of @device
 * @error: errno of the write, 0 when it is not known
 *
 * The device was writable before: it has become write-protected since.
 *
 * Return: true with InvalidParameterValue in @f, or false with @f as it was.
 */
bool block_device_write_failed(const char *device, int fd, int error, struct fault *f)
{
	if (error != EROFS && !is_protected(fd))
		return false;
	write_protected(device, "The last write may be missing.", f);
	return true;
}

/* Opens a block device or regular file; @flags are those of open(2). */
static int open_device(const char *device, int flags, struct stat *st, struct fault *f)
{
	int fd = open(device, flags | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == EBUSY)
		return fault_set(f, "VolumeInUse",
				 "%s is in use. Unmount it, or stop the devices that are built on it (lsblk %s) or the program that has it for itself (fuser -v %s, lsof %s).",
				 device, device, device, device);
	if (fd < 0 && !strcmp(block_device_fault_code(errno), BLOCK_DEVICE_ERROR))
		return fault_set(f, BLOCK_DEVICE_ERROR,
				 "%s cannot be opened: %s. The disk has gone or has a fault: look at dmesg.",
				 device, strerror(errno));
	if (fd < 0)
		return fault_set(f, REFUSED,
				 "%s cannot be opened: %s. Check the path and its permissions.",
				 device, strerror(errno));
	if (fstat(fd, st) || (!S_ISBLK(st->st_mode) && !S_ISREG(st->st_mode))) {
		close(fd);
		return fault_set(f, REFUSED, "%s is not a block device.", device);
	}
	return fd;
}

/*
 * The descriptor @fd of a device, or with -1 one of its own in @own. A caller that has a descriptor
 * never goes back to the path: the path may lead to another device by now.
 */
static int use_device(const char *device, int fd, int *own, struct stat *st, struct fault *f)
{
	if (fd < 0)
		return *own = open_device(device, O_RDONLY, st, f);
	return fstat(fd, st) ? unreadable(device, errno, f) : fd;
}

/**
 * block_device_open() - open a device for reading, beside other users
 *
 * Return: the descriptor, to be closed by the caller, or -1.
 */
int block_device_open(const char *device, struct fault *f)
{
	struct stat st;

	return open_device(device, O_RDONLY, &st, f);
}

/**
 * block_device_path() - the path of an open device, which leads to that device alone
 * @fd: open as long as the path is used
 */
void block_device_path(int fd, char path[BLOCK_DEVICE_PATH_MAX])
{
	snprintf(path, BLOCK_DEVICE_PATH_MAX, "/proc/self/fd/%d", fd);
}

/**
 * block_device_size() - size in bytes
 * @fd: of @device; -1: the function opens it
 *
 * Return: 0 or -1 with InvalidParameterValue in @f.
 */
int block_device_size(const char *device, int fd, uint64_t *size, struct fault *f)
{
	int _cleanup_close_ own = -1;
	struct stat st;

	fd = use_device(device, fd, &own, &st, f);
	if (fd < 0)
		return -1;
	*size = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, size))
		return fault_set(f, REFUSED, "The size of %s cannot be read: %s.", device,
				 strerror(errno));
	return 0;
}

/**
 * block_device_block_size() - bytes of the smallest block that the device reads or writes
 * @fd: of @device; -1: the function opens it
 * @size: 512 for a regular file
 *
 * Return: 0 or -1 with InvalidParameterValue in @f.
 */
int block_device_block_size(const char *device, int fd, uint32_t *size, struct fault *f)
{
	int _cleanup_close_ own = -1;
	int bytes = 512;
	struct stat st;

	fd = use_device(device, fd, &own, &st, f);
	if (fd < 0)
		return -1;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKSSZGET, &bytes))
		return fault_set(f, REFUSED, "The block size of %s cannot be read: %s.", device,
				 strerror(errno));
	*size = (uint32_t)bytes;
	return 0;
}

/**
 * block_device_take() - have a device for writing, and keep all other users from it
 * @f: VolumeInUse when it is mounted, swap, below another device, or claimed by another program,
 *	InvalidParameterValue when it is write-protected
 *
 * Elsewhere than on block devices O_EXCL has no effect.
 *
 * Return: the descriptor, to be closed by the caller, or -1.
 */
int block_device_take(const char *device, struct fault *f)
{
	struct stat st;
	int fd = open_device(device, O_RDWR | O_EXCL, &st, f);

	/* A write-protected device may be opened for writing all the same: only the write fails. */
	if (fd >= 0 ? !is_protected(fd) : !block_device_is_protected(device))
		return fd;
	file_close(&fd);
	return write_protected(device, "Nothing was written.", f);
}

/**
 * block_device_check_readable() - read the beginning of a device
 * @fd: of @device
 * @size: bytes
 * @f: BLOCK_DEVICE_ERROR when the device does not return them
 *
 * Return: 0 or -1.
 */
int block_device_check_readable(const char *device, int fd, size_t size, struct fault *f)
{
	uint8_t buffer[4096];

	for (size_t at = 0; at < size; at += sizeof(buffer))
		if (lseek(fd, at, SEEK_SET) < 0 || read(fd, buffer, sizeof(buffer)) < 0)
			return unreadable(device, errno, f);
	return 0;
}

/**
 * block_device_check_claim() - is the device of a claim the device that it was?
 * @fd: from block_device_claim() or block_device_take() of @device
 * @number: refused if @fd is of another device
 * @read_only: true when the device is write-protected
 *
 * Return: 0, or -1 with InvalidVolumeHeader in @f.
 */
int block_device_check_claim(int fd, const char *device, dev_t number, bool *read_only,
			     struct fault *f)
{
	int protected = 0;
	struct stat st;

	if (fstat(fd, &st) || st.st_rdev != number || ioctl(fd, BLKROGET, &protected))
		return fault_set(f, "InvalidVolumeHeader",
				 "%s has become another device since the volume's header was read there. Start the cluster again.",
				 device);
	*read_only = protected;
	return 0;
}

/**
 * block_device_claim() - keep all other users from a device, as long as the descriptor is open
 * @number: refused if @device names another device
 * @read_only: true when the device is write-protected
 * @f: VolumeInUse when another user has claimed the device: a mount, swap, a device on top
 *
 * Device mapper claims a device for itself, so the claim must be closed right before a table is
 * loaded.
 *
 * Return: the descriptor, to be closed by the caller, or -1.
 */
int block_device_claim(const char *device, dev_t number, bool *read_only, struct fault *f)
{
	struct stat st;
	int fd = open_device(device, O_RDONLY | O_EXCL, &st, f);

	if (fd >= 0 && block_device_check_claim(fd, device, number, read_only, f)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A probe that looks for filesystems, RAID, LUKS and partition tables. */
static blkid_probe new_probe(int fd, bool with_magic)
{
	blkid_probe probe = blkid_new_probe();

	if (!probe)
		return NULL;
	if (blkid_probe_set_device(probe, fd, 0, 0) || blkid_probe_enable_superblocks(probe, 1) ||
	    blkid_probe_set_superblocks_flags(probe,
					      BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
						      BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL |
						      (with_magic ? BLKID_SUBLKS_MAGIC : 0)) ||
	    blkid_probe_enable_partitions(probe, 1) ||
	    blkid_probe_set_partitions_flags(probe, with_magic ? BLKID_PARTS_MAGIC : 0)) {
		blkid_free_probe(probe);
		return NULL;
	}
	return probe;
}

static const char *value_of(blkid_probe probe, const char *name)
{
	const char *value = NULL;

	return blkid_probe_lookup_value(probe, name, &value, NULL) ? NULL : value;
}

/**
 * block_device_probe() - find what the device holds
 * @fd: of @device; -1: the function opens it
 *
 * Ambiguous contents count as found.
 *
 * Return: 0, or -1 with BLOCK_DEVICE_ERROR in @f when it cannot be read.
 */
int block_device_probe(const char *device, int fd, struct block_device_contents *contents,
		       struct fault *f)
{
	int _cleanup_close_ own = -1;
	struct stat st;
	blkid_probe _cleanup_probe_ probe = NULL;
	const char *type, *table, *subsystem, *label, *block_size;
	int found;

	*contents = (struct block_device_contents){ 0 };
	fd = use_device(device, fd, &own, &st, f);
	if (fd < 0)
		return -1;
	probe = new_probe(fd, false);
	if (!probe)
		return fault_set(f, REFUSED, "The contents of %s cannot be probed.", device);

	found = blkid_do_safeprobe(probe);
	if (found == 1)
		return 0;
	if (found < 0 && found != AMBIGUOUS)
		return unreadable(device, found == -1 ? EIO : -found, f);
	contents->found = true;
	if (found == AMBIGUOUS) {
		snprintf(contents->what, sizeof(contents->what), "more than one kind of data");
		return 0;
	}
	type = value_of(probe, "TYPE");
	table = value_of(probe, "PTTYPE");
	subsystem = value_of(probe, "SUBSYSTEM");
	label = value_of(probe, "LABEL");
	block_size = value_of(probe, "BLOCK_SIZE");
	if (!type && table)
		snprintf(contents->what, sizeof(contents->what), "%s partition table", table);
	else
		snprintf(contents->what, sizeof(contents->what), "%s", type ? type : "data");
	if (subsystem)
		snprintf(contents->subsystem, sizeof(contents->subsystem), "%s", subsystem);
	if (label)
		snprintf(contents->label, sizeof(contents->label), "%s", label);
	if (block_size)
		contents->block_size = (uint32_t)strtoul(block_size, NULL, 10);
	return 0;
}

static int not_wiped(const char *device, int claim, int error, struct fault *f)
{
	if (block_device_write_failed(device, claim, error, f))
		return -1;
	return fault_set(f, BLOCK_DEVICE_ERROR,
			 "The old signatures on %s cannot be wiped: %s. Look at dmesg.", device,
			 strerror(error));
}

/**
 * block_device_wipe_signatures() - destroy all that libblkid recognises, backup copies too
 * @claim: from block_device_take() of @device
 *
 * Return: 0 or -1.
 */
int block_device_wipe_signatures(const char *device, int claim, struct fault *f)
{
	blkid_probe _cleanup_probe_ probe = new_probe(claim, true);
	int found;

	if (!probe)
		return fault_set(f, REFUSED, "The contents of %s cannot be probed.", device);
	while ((found = blkid_do_probe(probe)) == 0)
		if (blkid_do_wipe(probe, 0))
			return not_wiped(device, claim, errno, f);
	if (found < 0 || fsync(claim))
		return not_wiped(device, claim, found < 0 ? EIO : errno, f);
	return 0;
}

/**
 * block_device_write() - write the beginning of a device, and wait until it is on the disk
 * @claim: from block_device_take() of @device
 *
 * Return: 0 or -1.
 */
int block_device_write(const char *device, int claim, const uint8_t *bytes, size_t size,
		       struct fault *f)
{
	ssize_t done = lseek(claim, 0, SEEK_SET);
	int error;

	for (size_t at = 0; at < size && done >= 0; at += done)
		done = write(claim, bytes + at, size - at);
	if (done >= 0 && fsync(claim) == 0)
		return 0;
	error = errno;
	if (block_device_write_failed(device, claim, error, f))
		return -1;
	return fault_set(f, BLOCK_DEVICE_ERROR, "%s cannot be written: %s. Look at dmesg.", device,
			 strerror(error));
}
