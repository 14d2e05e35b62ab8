// SPDX-License-Identifier: MIT
/* See full_disk.h. */
#include "full_disk.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

bool disk_is_full;

int fallocate(int fd, int mode, off_t offset, off_t length);

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	if (!disk_is_full)
		return (int)syscall(SYS_fallocate, fd, mode, offset, length);
	errno = ENOSPC;
	return -1;
}
