// SPDX-License-Identifier: MIT
/*
 * Making and reading the root key.
 *
 * Must never read it through stdio, whose buffer is plain heap.
 */

#include "kms/root/root_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms/keys/crypto.h"
#include "lib/base/file.h"

static int make(const char *path, const char *state_directory, struct fault *f)
{
	_cleanup_secret_ struct secret *root = secret_new(CRYPTO_KEY_BYTES);
	char store[4096];

	snprintf(store, sizeof(store), "%s/kms.sqlite", state_directory);
	if (access(store, F_OK) == 0)
		return fault_set(f, "InvalidConfiguration",
				 "the root key %s is missing, and without it %s cannot be opened: put it back from your backup",
				 path, store);
	if (!root || crypto_random(root->bytes, root->size))
		return fault_set(f, "InternalFailure", "cannot make a root key");
	return file_create(path, 0600, root->bytes, root->size, f);
}

int root_key_load(const char *path, const char *state_directory, struct secret **ret, bool *made,
		  struct fault *f)
{
	_cleanup_secret_ struct secret *root = secret_new(CRYPTO_KEY_BYTES);
	ssize_t size;
	struct stat st;
	int fd;

	if (!root)
		return fault_set(f, "InternalFailure", "no locked memory: raise LimitMEMLOCK");
	*made = access(path, F_OK) && errno == ENOENT;
	if (*made && make(path, state_directory, f))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		fault_set(f, "InvalidConfiguration", "cannot open the root key %s: %s", path,
			  strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	size = read(fd, root->bytes, root->size);
	close(fd);
	if (st.st_mode & 077)
		return fault_set(f, "InvalidConfiguration",
				 "the root key %s is open to group or others: run chmod 600 %s",
				 path, path);
	if (size != CRYPTO_KEY_BYTES || st.st_size != CRYPTO_KEY_BYTES)
		return fault_set(f, "InvalidConfiguration", "the root key %s must have %d bytes",
				 path, CRYPTO_KEY_BYTES);
	*ret = root;
	root = NULL;
	return 0;
}
