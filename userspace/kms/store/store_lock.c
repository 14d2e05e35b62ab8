// SPDX-License-Identifier: MIT
/*
 * One process at a time has a key store for changes: the running KMS, or a command such as --init.
 *
 * The lock is on the folder, so that it also covers the certificate and a key store that is not made
 * yet. The kernel releases it at the end of the process. sqlite's own locks last for one change only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "kms/store/store.h"

/**
 * store_lock() - take the key store in @directory, before any file of it is made or changed
 * @directory: must exist
 * @ret: the lock, until it is closed
 * @f: KMSInvalidStateException when another process has it
 *
 * Return: 0 or -1.
 */
int store_lock(const char *directory, int *ret, struct fault *f)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) ? errno : 0;

	if (!r) {
		*ret = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (r == EWOULDBLOCK)
		return fault_set(f, "KMSInvalidStateException",
				 "Another envelope-kms runs with the key store in %s. Nothing was changed. Stop the other one first: systemctl stop envelope-kms",
				 directory);
	return fault_set(f, "InvalidConfiguration",
			 "%s cannot be locked: %s. Check that it is a folder and its permissions.",
			 directory, strerror(r));
}
