// SPDX-License-Identifier: MIT
/* See append_file.h. */
#include "append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
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
