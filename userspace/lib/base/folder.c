// SPDX-License-Identifier: MIT
/*
 * Making folders.
 *
 * Must never change the mode of a folder that exists.
 */
#include "lib/base/folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_one(const char *path, mode_t mode, struct fault *f)
{
	if (!mkdir(path, mode) || errno == EEXIST)
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "The folder %s cannot be made: %s. Check the path and its permissions.",
			 path, strerror(errno));
}

/* @size: bytes of @path that name the folder. */
static int make(const char *path, size_t size, mode_t parents, mode_t mode, struct fault *f)
{
	char part[4096];
	char *slash;

	if (size >= sizeof(part))
		return fault_set(f, "InvalidConfiguration",
				 "The path %.100s is too long. Give one of at most %zu bytes.",
				 path, sizeof(part) - 1);
	memcpy(part, path, size);
	part[size] = 0;
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (make_one(part, parents, f))
			return -1;
		*slash = '/';
	}
	return make_one(part, mode, f);
}

/**
 * folder_make() - make a folder and its parents, as far as they are missing
 * @path: not empty
 * @parents: mode of the parents
 * @mode: of the folder itself
 *
 * The process's umask applies to both modes.
 *
 * Return: 0 or -1.
 */
int folder_make(const char *path, mode_t parents, mode_t mode, struct fault *f)
{
	return make(path, strlen(path), parents, mode, f);
}

/** folder_make_for() - folder_make() of the folder that the file @path is in; Return: 0 or -1 */
int folder_make_for(const char *path, mode_t parents, mode_t mode, struct fault *f)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return 0;
	return make(path, (size_t)(slash - path), parents, mode, f);
}

/**
 * folder_check() - would folder_make() succeed, and may files be made in the folder?
 *
 * Changes nothing.
 *
 * Return: 0 or -1.
 */
int folder_check(const char *path, struct fault *f)
{
	char there[4096];
	struct stat st;
	char *slash;

	snprintf(there, sizeof(there), "%s", path);
	/* The folder itself, or the nearest one above it that is there. */
	while (stat(there, &st) && (errno == ENOENT || errno == ENOTDIR)) {
		slash = strrchr(there, '/');
		if (!slash)
			strcpy(there, ".");
		else
			slash[slash == there] = 0;
	}
	if (!access(there, W_OK) && S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	return fault_set(f, "InvalidConfiguration",
			 "No file can be made in the folder %s: %s: %s. Check the path and its permissions.",
			 path, there, strerror(errno));
}

/** folder_check_for() - folder_check() of the folder that the file @path is in; Return: 0 or -1 */
int folder_check_for(const char *path, struct fault *f)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];

	if (!slash)
		return folder_check(".", f);
	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return folder_check(folder, f);
}
