// SPDX-License-Identifier: MIT
/* See append_file.h. */

#include "lib/audit/append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

int append_file_open(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

int append_file_follow(int *fd, const char *path, bool *changed)
{
	struct stat ours, there;
	int next;

	if (changed)
		*changed = false;
	if (fstat(*fd, &ours))
		return -1;
	if (!lstat(path, &there)) {
		if (there.st_dev == ours.st_dev && there.st_ino == ours.st_ino)
			return 0;
	} else if (errno != ENOENT) {
		return -1;
	}
	next = append_file_open(path);
	if (next < 0)
		return -1;
	close(*fd);
	*fd = next;
	if (changed)
		*changed = true;
	return 0;
}

bool append_file_is_torn(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char last = '\n';

	if (fd < 0)
		return false;
	if (lseek(fd, -1, SEEK_END) < 0 || read(fd, &last, 1) != 1)
		last = '\n';
	close(fd);
	return last != '\n';
}

int append_file_line(int fd, bool *torn, const char *line, size_t size)
{
	struct iovec parts[] = { { (void *)"\n", *torn },
				 { (void *)line, size },
				 { (void *)"\n", 1 } };
	ssize_t whole = (ssize_t)(*torn + size + 1);
	ssize_t n = writev(fd, parts, 3);

	if (n > 0)
		*torn = n != whole;
	if (n == whole)
		return 0;
	return n < 0 ? errno : ENOSPC;
}

int append_file_sync(int fd)
{
	/* EINVAL: a pipe or a device, of which nothing is on a disk. */
	return fdatasync(fd) < 0 && errno != EINVAL ? errno : 0;
}
