// SPDX-License-Identifier: MIT
/*
 * Making folders.
 *
 * Must never change the mode of a folder that exists.
 */
#include "lib/base/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/text.h"

static int make_one(const char *path, mode_t mode, struct fault *f)
{
	if (!mkdir(path, mode) || errno == EEXIST)
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "The folder %.300s cannot be made: %s. Check the path and its permissions.",
			 path, strerror(errno));
}

/* @size: bytes of @path that name the folder. */
static int make(const char *path, size_t size, mode_t parents, mode_t mode, struct fault *f)
{
	_cleanup_text_ char *part = strndup(path, size);
	char *slash;

	if (!part)
		return fault_set(f, "InternalFailure", "Out of memory.");
	for (slash = *part ? strchr(part + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
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
	_cleanup_text_ char *folder = strdup(path);
	const char *there = folder;
	struct stat st;
	char *slash;
	int r;

	if (!folder)
		return fault_set(f, "InternalFailure", "Out of memory.");
	/* The folder itself, or the nearest one above it that is there. */
	while ((r = stat(there, &st)) && there == folder && (errno == ENOENT || errno == ENOTDIR)) {
		slash = strrchr(folder, '/');
		if (slash)
			slash[slash == folder] = 0;
		else
			there = ".";
	}
	if (!r && S_ISDIR(st.st_mode) && !access(there, W_OK))
		return 0;
	if (!r && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	return fault_set(f, "InvalidConfiguration",
			 "No file can be made in the folder %.200s: %.200s: %s. Check the path and its permissions.",
			 path, there, strerror(errno));
}

/** folder_check_for() - folder_check() of the folder that the file @path is in; Return: 0 or -1 */
int folder_check_for(const char *path, struct fault *f)
{
	const char *slash = strrchr(path, '/');
	_cleanup_text_ char *folder = NULL;

	if (!slash)
		return folder_check(".", f);
	folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!folder)
		return fault_set(f, "InternalFailure", "Out of memory.");
	return folder_check(folder, f);
}
