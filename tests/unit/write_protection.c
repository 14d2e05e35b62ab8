// SPDX-License-Identifier: MIT
#include "write_protection.h"

#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool disks_protected;

/* Other requests go to the kernel. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (request != BLKROGET)
		return (int)syscall(SYS_ioctl, fd, request, argument);
	*(int *)argument = disks_protected;
	return 0;
}
