// SPDX-License-Identifier: MIT
/*
 * Whole small files.
 *
 * Must never leave a half-written file under the final name.
 */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file_note.h"
#include "lib/base/text.h"

/* @done: "created". The end of a long path is cut, not the reason. */
static int file_fault(struct fault *f, const char *path, const char *done)
{
	return fault_set(f, "InvalidConfiguration",
			 "%.300s cannot be %s: %s. Check the path, its permissions and the disk.",
			 path, done, strerror(errno));
}

static int write_all(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t written = write(fd, at, size);

		if (written < 0)
			return -1;
		at += written;
		size -= (size_t)written;
	}
	return fsync(fd);
}

/**
 * file_sync_folder() - make the name @path survive a power cut
 *
 * Return: 0, or -1 with errno.
 */
int file_sync_folder(const char *path)
{
	_cleanup_text_ char *folder = strdup(path);
	char *slash;
	int fd, r;

	if (!folder)
		return -1;
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	slash[slash == folder] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = fsync(fd);
	close(fd);
	return r;
}

/**
 * file_create() - write a new file, synced, under its name only when complete
 * @mode: exact permissions
 * @f: also set when the file exists
 *
 * Return: 0, -EEXIST or -1.
 */
int file_create(const char *path, mode_t mode, const void *bytes, size_t size, struct fault *f)
{
	_cleanup_text_ char *temporary = text_format("%s.XXXXXX", path);
	int fd, r = -1;

	if (!temporary)
		return fault_set(f, "InternalFailure", "Out of memory.");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return file_fault(f, path, "created");
	if (write_all(fd, bytes, size) || fchmod(fd, mode)) {
		file_fault(f, path, "written");
	} else if (link(temporary, path)) { /* unlike rename(), refuses to overwrite */
		r = errno == EEXIST ? -EEXIST : -1;
		file_fault(f, path, "created");
	} else if (file_sync_folder(path)) {
		fault_set(f, "InvalidConfiguration",
			  "The folder of %s cannot be synced: %s. Check the disk.", path,
			  strerror(errno));
	} else {
		r = 0;
	}
	unlink(temporary);
	close(fd);
	return r;
}

/** file_close() - close a descriptor, unless it is -1, and make it -1 */
void file_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/**
 * file_open() - open a regular file for reading, without waiting
 * @path: where a pipe may be, which would block until a program writes to it, or a device without end
 * @why: set on failure
 *
 * Return: a descriptor, or -1 with errno.
 */
int file_open(const char *path, const char **why)
{
	struct stat st;
	int fd;

	file_note(path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	*why = fd < 0 ? strerror(errno) : "it is a pipe, a device or a folder, not a file";
	if (fd >= 0) {
		close(fd);
		errno = EINVAL;
	}
	return -1;
}

/** file_stream() - as file_open(); NULL on failure */
FILE *file_stream(const char *path, const char **why)
{
	int fd = file_open(path, why);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (fd >= 0 && !file) {
		*why = strerror(errno);
		close(fd);
	}
	return file;
}

/**
 * file_read_text() - read a whole text file
 * @max: bytes
 * @text: set to a malloc'd terminated string
 *
 * Return: 0 or -1.
 */
int file_read_text(const char *path, size_t max, char **text, struct fault *f)
{
	const char *why;
	size_t size;
	FILE *file;

	file = file_stream(path, &why);
	if (!file)
		return fault_set(f, "InvalidConfiguration",
				 "%s cannot be opened: %s. Check the path and its permissions.",
				 path, why);
	*text = malloc(max + 1);
	if (!*text) {
		fclose(file);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	size = fread(*text, 1, max + 1, file);
	fclose(file);
	if (size > max) {
		free(*text);
		*text = NULL;
		return fault_set(f, "InvalidConfiguration",
				 "%s is larger than %zu bytes. Make it shorter.", path, max);
	}
	(*text)[size] = '\0';
	return 0;
}
