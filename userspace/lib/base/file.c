// SPDX-License-Identifier: MIT
/*
 * Whole small files and their folders.
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

static int file_fault(struct fault *f, const char *doing, const char *path)
{
	return fault_set(f, "InvalidConfiguration", "cannot %s %s: %s", doing, path,
			 strerror(errno));
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

int file_sync_folder(const char *path)
{
	char folder[4096];
	char *slash;
	int fd, ret;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	slash[slash == folder] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = fsync(fd);
	close(fd);
	return ret;
}

int file_create(const char *path, mode_t mode, const void *bytes, size_t size, struct fault *f)
{
	char temporary[4096];
	int fd, ret = -1;

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return file_fault(f, "create", path);
	if (write_all(fd, bytes, size) || fchmod(fd, mode)) {
		file_fault(f, "write", path);
	} else if (link(temporary, path)) { /* unlike rename(), refuses to overwrite */
		ret = errno == EEXIST ? -EEXIST : -1;
		file_fault(f, "create", path);
	} else if (file_sync_folder(path)) {
		file_fault(f, "sync the folder of", path);
	} else {
		ret = 0;
	}
	unlink(temporary);
	close(fd);
	return ret;
}

int file_read_text(const char *path, size_t max, char **text, struct fault *f)
{
	size_t size;
	FILE *file;

	file = fopen(path, "re");
	if (!file)
		return file_fault(f, "open", path);
	*text = malloc(max + 1);
	if (!*text) {
		fclose(file);
		return fault_set(f, "InternalFailure", "out of memory");
	}
	size = fread(*text, 1, max + 1, file);
	fclose(file);
	if (size > max) {
		free(*text);
		*text = NULL;
		return fault_set(f, "InvalidConfiguration", "%s is larger than %zu bytes", path,
				 max);
	}
	(*text)[size] = '\0';
	return 0;
}

int directory_make(const char *path, mode_t mode, struct fault *f)
{
	char part[4096];
	char *slash;

	snprintf(part, sizeof(part), "%s", path);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return file_fault(f, "create folder", part);
		*slash = '/';
	}
	if (mkdir(part, mode) && errno != EEXIST)
		return file_fault(f, "create folder", part);
	return 0;
}

int directory_make_for(const char *path, mode_t mode, struct fault *f)
{
	char folder[4096];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return directory_make(folder, mode, f);
}
