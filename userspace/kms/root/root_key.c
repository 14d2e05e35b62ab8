// SPDX-License-Identifier: MIT
/*
 * Making and reading the root key.
 *
 * Must never read the root key through stdio: stdio's buffer is plain heap.
 */
#include "kms/root/root_key.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms/keys/crypto.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

static int make(const char *path, const char *state_directory, struct fault *f)
{
	_cleanup_secret_ struct secret *root = secret_new(CRYPTO_KEY_BYTES);
	_cleanup_text_ char *store = text_format("%s/kms.sqlite", state_directory);

	if (!store)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (access(store, F_OK) == 0)
		return fault_set(f, "InvalidConfiguration",
				 "The root key %s is missing, and without it %s cannot be opened. Put the root key back from your backup.",
				 path, store);
	if (!root || crypto_random(root->bytes, root->size))
		return fault_set(f, "InternalFailure",
				 "A root key cannot be made: no locked memory or no random bytes. Raise LimitMEMLOCK.");
	return file_create(path, 0600, root->bytes, root->size, f);
}

/**
 * root_key_read() - read the root key
 * @path: 32 bytes, private to its owner
 * @ret: for secret_free()
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int root_key_read(const char *path, struct secret **ret, struct fault *f)
{
	_cleanup_secret_ struct secret *root = secret_new(CRYPTO_KEY_BYTES);
	const char *why;
	ssize_t size;
	struct stat st = { 0 };
	int fd;

	if (!root)
		return fault_set(f, "InternalFailure",
				 "Memory for the root key cannot be locked. Raise LimitMEMLOCK.");
	fd = file_open(path, &why);
	if (fd < 0)
		return fault_set(f, "InvalidConfiguration",
				 "The root key %s cannot be opened: %s. Check the path and its permissions.",
				 path, why);
	size = fstat(fd, &st) ? -1 : read(fd, root->bytes, root->size);
	close(fd);
	if (st.st_mode & 077)
		return fault_set(f, "InvalidConfiguration",
				 "The root key %s is open to group or others. Run: chmod 600 %s",
				 path, path);
	if (size != CRYPTO_KEY_BYTES || st.st_size != CRYPTO_KEY_BYTES)
		return fault_set(f, "InvalidConfiguration",
				 "The root key %s must have %d bytes. Put it back from your backup.",
				 path, CRYPTO_KEY_BYTES);
	*ret = root;
	root = NULL;
	return 0;
}

/**
 * root_key_load() - root_key_read(), after the root key was made if it is missing
 * @state_directory: of the key store, which may not exist yet
 * @made: set to whether the root key was made just now
 *
 * Return: 0 or -1.
 */
int root_key_load(const char *path, const char *state_directory, struct secret **ret, bool *made,
		  struct fault *f)
{
	*made = access(path, F_OK) && errno == ENOENT;
	if (*made && make(path, state_directory, f))
		return -1;
	return root_key_read(path, ret, f);
}
