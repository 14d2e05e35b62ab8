// SPDX-License-Identifier: MIT
/* The system calls of an append-only file. */
#include "lib/audit/append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/file_note.h"

#define WRONG_KIND EMEDIUMTYPE
#define TORN_MAX   (1024 * 1024)

/** append_file_strerror() - the words for an errno of this file */
const char *append_file_strerror(int error)
{
	return error == WRONG_KIND ? "it is a pipe, a socket or a device, not a file"
				   : strerror(error);
}

/* A folder and a link are not judged here: open() has errors of its own for them. */
static bool is_wrong_kind(mode_t mode, bool device)
{
	return !S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode) && !(device && S_ISCHR(mode));
}

/**
 * append_file_check() - would append_file_open() take what is at @path? Opens nothing
 * @path: nothing there is no fault: the file is made, or waited for
 * @device: as for append_file_open()
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int append_file_check(const char *path, bool device, struct fault *f)
{
	int error = 0;
	struct stat st;

	file_note(path);
	if (lstat(path, &st))
		return 0;
	if (is_wrong_kind(st.st_mode, device))
		error = WRONG_KIND;
	else if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
		error = S_ISDIR(st.st_mode) ? EISDIR : ELOOP;
	if (!error)
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "The audit trail %.400s cannot be opened: %s. Check the path and its permissions.",
			 path, append_file_strerror(error));
}

/**
 * append_file_open() - open a regular file for appending, without waiting
 * @path: made with mode 0640 if missing; never a symbolic link. A pipe would block until a program
 *	reads from it, and the open of a device may do something, so neither is opened
 * @device: a character device will do
 *
 * Return: a descriptor, or -1 with an errno for append_file_strerror().
 */
int append_file_open(const char *path, bool device)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	struct stat st;
	int fd;

	if (!lstat(path, &st) && is_wrong_kind(st.st_mode, device)) {
		errno = WRONG_KIND;
		return -1;
	}
	fd = open(path, flags | O_NONBLOCK, 0640);
	if (fd < 0)
		return -1;
	/* It may have come between the two calls. */
	if (fstat(fd, &st) || is_wrong_kind(st.st_mode, device)) {
		close(fd);
		errno = WRONG_KIND;
		return -1;
	}
	fcntl(fd, F_SETFL, flags & ~(O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
	return fd;
}

/**
 * append_file_follow() - open the file that is now at @path, unless @fd is that file
 * @device: as for append_file_open()
 * @fd: from append_file_open(), replaced if @path has another file or none; or -1
 * @changed: set to whether @fd was replaced
 * @old: set to the replaced descriptor, which the caller closes, or -1
 *
 * Return: 0, or -1 with an errno for append_file_strerror(); then @fd is as it was.
 */
int append_file_follow(int *fd, const char *path, bool device, bool *changed, int *old)
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
	next = append_file_open(path, device);
	if (next < 0)
		return -1;
	*old = *fd;
	*fd = next;
	*changed = true;
	return 0;
}

/* Bytes behind the last line feed in the last TORN_MAX bytes of a file of @size bytes. */
static size_t count_torn(int fd, off_t size)
{
	char block[16384];
	size_t torn = 0;

	while (size > 0 && torn < TORN_MAX) {
		size_t n = size < (off_t)sizeof(block) ? (size_t)size : sizeof(block);

		size -= (off_t)n;
		if (pread(fd, block, n, size) != (ssize_t)n)
			return torn;
		while (n && block[n - 1] != '\n') {
			torn++;
			n--;
		}
		if (n)
			return torn;
	}
	return torn;
}

/** append_file_torn() - bytes behind the last whole line of the file at @path; 0 if it ends with one */
size_t append_file_torn(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t torn = 0;
	struct stat st;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		torn = count_torn(fd, st.st_size);
	close(fd);
	return torn;
}

/**
 * append_file_line() - append one line with one write
 * @fd: from append_file_open()
 * @torn: bytes behind the last whole line of the file; kept up to date
 * @line: @size bytes, without the line feed
 *
 * Return: 0 or an errno; ENOSPC when the file took only a part of the line.
 */
int append_file_line(int fd, size_t *torn, const char *line, size_t size)
{
	size_t feed = *torn ? 1 : 0;
	struct iovec parts[] = { { (void *)"\n", feed },
				 { (void *)line, size },
				 { (void *)"\n", 1 } };
	ssize_t whole = (ssize_t)(feed + size + 1);
	ssize_t n = writev(fd, parts, 3);

	if (n == whole)
		*torn = 0;
	else if (n > 0)
		*torn += (size_t)n;
	if (n == whole)
		return 0;
	return n < 0 ? errno : ENOSPC;
}

/**
 * append_file_sync() - make the lines written so far survive a power cut
 *
 * Return: 0 or an errno; EINVAL for a device, which has no disk below.
 */
int append_file_sync(int fd)
{
	return fdatasync(fd) < 0 ? errno : 0;
}
