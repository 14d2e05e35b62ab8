// SPDX-License-Identifier: MIT
/*
 * A kill of envelope-kms between any two steps that reach a file: see kill_moment.c. A moment is right
 * before each write, of the audit trail, the log of the key store, their counter, and stderr.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kill_moment.h"

/* Replace the C library's, also for sqlite. */
ssize_t write(int fd, const void *bytes, size_t size)
{
	kill_moment();
	return syscall(SYS_write, fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	kill_moment();
	return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	kill_moment();
	return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	return pwrite(fd, bytes, size, at);
}
