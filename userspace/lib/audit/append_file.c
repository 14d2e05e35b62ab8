// SPDX-License-Identifier: MIT
/* The system calls of an append-only file. */
#include "lib/audit/append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/**
 * append_file_open() - open for appending
 * @path: made with mode 0640 if missing; never a symbolic link
 *
 * Return: a descriptor, or -1 with errno.
 */
int append_file_open(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/**
 * append_file_follow() - open the file that is now at @path, unless @fd is that file
 * @fd: from append_file_open(), replaced if @path has another file or none; or -1
 * @changed: set to whether @fd was replaced
 * @old: set to the replaced descriptor, which the caller closes, or -1
 *
 * Return: 0, or -1 with errno; then @fd is as it was.
 */
int append_file_follow(int *fd, const char *path, bool *changed, int *old)
{
	struct stat ours, there;
	int next;

	*changed = false;
	*old = -1;
	if (*fd >= 0) {
		if (fstat(*fd, &ours))
			return -1;
		if (!lstat(path, &there)) {
			if (there.st_dev == ours.st_dev && there.st_ino == ours.st_ino)
				return 0;
		} else if (errno != ENOENT) {
			return -1;
		}
	}
	next = append_file_open(path);
	if (next < 0)
		return -1;
	*old = *fd;
	*fd = next;
	*changed = true;
	return 0;
}

/** append_file_is_torn() - true when the file at @path does not end with a whole line */
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

/**
 * append_file_line() - append one line with one write
 * @fd: from append_file_open()
 * @torn: the file does not end with a whole line; kept up to date
 * @line: @size bytes, without the line feed
 *
 * Return: 0 or an errno; ENOSPC when the file took only a part of the line.
 */
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

/**
 * append_file_sync() - make the lines written so far survive a power cut
 *
 * Return: 0 or an errno; EINVAL for a pipe or a device, which have no disk below.
 */
int append_file_sync(int fd)
{
	return fdatasync(fd) < 0 ? errno : 0;
}
