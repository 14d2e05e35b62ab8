// SPDX-License-Identifier: MIT
/*
 * Disks with a fault, beside kernel_stand_in.c.
 *
 *	$ENVELOPE_STAND_IN/unreadable	while this file exists, no byte of the disk whose path is in it can be
 *					read
 *	$ENVELOPE_STAND_IN/pulled	while this file exists, the disk whose path is in it has gone: the
 *					kernel has no path of it, and nobody can read it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/volume/disk_identity.h"

/* Is @number the block device whose path is in the stand-in's file @name? */
static bool is_named(const char *name, dev_t number)
{
	const char *folder = getenv("ENVELOPE_STAND_IN");
	char path[512], disk[512];
	ssize_t length;
	struct stat st;
	int fd;

	if (!folder)
		return false;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = syscall(SYS_read, fd, disk, sizeof(disk) - 1);
	close(fd);
	if (length <= 0)
		return false;
	disk[length] = 0;
	return fstatat(AT_FDCWD, disk, &st, 0) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == number;
}

static bool is_bad(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) &&
	       (is_named("unreadable", st.st_rdev) || is_named("pulled", st.st_rdev));
}

ssize_t read(int fd, void *bytes, size_t size)
{
	if (!is_bad(fd))
		return syscall(SYS_read, fd, bytes, size);
	errno = EIO;
	return -1;
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at)
{
	if (!is_bad(fd))
		return syscall(SYS_pread64, fd, bytes, size, at);
	errno = EIO;
	return -1;
}

/* Links of the linker's --wrap. */
char *__real_disk_node(dev_t number);
char *__wrap_disk_node(dev_t number);

char *__wrap_disk_node(dev_t number)
{
	return is_named("pulled", number) ? NULL : __real_disk_node(number);
}
