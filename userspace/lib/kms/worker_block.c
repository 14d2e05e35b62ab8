// SPDX-License-Identifier: MIT
/*
 * The memory that agent and worker share. See worker_block.h.
 */

#include "lib/kms/worker_block.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/log.h"

/** worker_block_free() - wipe and unmap @block; NULL is fine */
void worker_block_free(struct worker_block *block)
{
	if (!block)
		return;
	explicit_bzero(block, sizeof(*block));
	munmap(block, sizeof(*block));
}

/**
 * worker_block_take_plaintext() - move the worker's plaintext to secret memory
 * @block: wiped, if it held a plaintext
 *
 * Return: the plaintext, which the caller frees, or NULL.
 */
struct secret *worker_block_take_plaintext(struct worker_block *block)
{
	uint32_t size = block->plaintext_size;
	struct secret *plaintext;

	if (!size || size > sizeof(block->plaintext))
		return NULL;
	plaintext = secret_new(size);
	if (plaintext)
		memcpy(plaintext->bytes, block->plaintext, size);
	else
		log_error("no memory can be locked for a data key: raise LimitMEMLOCK=");
	explicit_bzero(block, sizeof(*block));
	return plaintext;
}

/**
 * worker_block_new() - make a locked block in a memfd
 * @ret: the mapped block; release with worker_block_free()
 *
 * Return: the descriptor, for the child only, or -1.
 */
int worker_block_new(struct worker_block **ret, struct fault *f)
{
	int fd = memfd_create("envelope-kms-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct worker_block *block = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, sizeof(*block)) && !fcntl(fd, F_ADD_SEALS, seals))
		block = mmap(NULL, sizeof(*block), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (block == MAP_FAILED || mlock(block, sizeof(*block)) ||
	    madvise(block, sizeof(*block), MADV_DONTDUMP)) {
		fault_set(f, "InternalFailure",
			  "Shared memory for the KMS worker cannot be made or locked: %s. Check LimitMEMLOCK=.",
			  strerror(errno));
		if (block != MAP_FAILED)
			munmap(block, sizeof(*block));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*ret = block;
	return fd;
}
