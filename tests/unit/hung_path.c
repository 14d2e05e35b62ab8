// SPDX-License-Identifier: MIT
/*
 * A file system that does not answer, beside kernel_stand_in.c: lookups of a path by the agent.
 *
 *	$ENVELOPE_STAND_IN/hung-path	while this file exists, a lookup of the path in it sleeps
 *	$ENVELOPE_STAND_IN/path-asked	this file exists once a lookup sleeps
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool file_is_there(const char *path)
{
	return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

/* Does the file system of @path not answer now? */
static bool is_hung(const char *file, const char *path)
{
	char text[512];
	ssize_t length;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return false;
	text[length] = 0;
	return !strcmp(text, path);
}

static void look_up(const char *path)
{
	const char *folder = getenv("ENVELOPE_STAND_IN");
	char file[512], asked[512];

	if (!folder || !path)
		return;
	snprintf(file, sizeof(file), "%s/hung-path", folder);
	snprintf(asked, sizeof(asked), "%s/path-asked", folder);
	if (!is_hung(file, path))
		return;
	close((int)syscall(SYS_openat, AT_FDCWD, asked, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	while (file_is_there(file))
		usleep(20000);
}

int stat(const char *restrict path, struct stat *restrict st)
{
	look_up(path);
	return fstatat(AT_FDCWD, path, st, 0);
}

int lstat(const char *restrict path, struct stat *restrict st)
{
	look_up(path);
	return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

int access(const char *path, int mode)
{
	look_up(path);
	return faccessat(AT_FDCWD, path, mode, 0);
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	look_up(path);
	return openat(AT_FDCWD, path, flags, mode);
}
