// SPDX-License-Identifier: MIT
/*
 * One direct read or write of the first block of a device.
 *
 *	direct read|write DEVICE
 *
 * dd would seek before it reads. On Linux 6.1 a seek on a block device waits for a direct write to the
 * same device, so dd waits for a disk that hangs, although its read would fail at once. Exit code: 0,
 * or 1 with the error of the kernel.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096

int main(int argc, char **argv)
{
	static char block[BLOCK] __attribute__((aligned(BLOCK)));
	int fd, writes;
	ssize_t n;

	if (argc != 3 || (strcmp(argv[1], "read") && strcmp(argv[1], "write")))
		errx(2, "usage: direct read|write DEVICE");
	writes = !strcmp(argv[1], "write");
	fd = open(argv[2], (writes ? O_WRONLY : O_RDONLY) | O_DIRECT);
	if (fd < 0)
		err(1, "open %s", argv[2]);
	n = writes ? write(fd, block, BLOCK) : read(fd, block, BLOCK);
	if (n < 0)
		err(1, "%s %s", argv[1], argv[2]);
	if (n < BLOCK)
		errx(1, "%s %s: %zd bytes", argv[1], argv[2], n);
	return 0;
}
