// SPDX-License-Identifier: MIT
/*
 * A free() that wipes. The programs that see plaintext keys are linked with it, so that no freed
 * heap block of the program or a library (TLS records, HTTP bodies, JSON strings) keeps a copy.
 *
 * Only the three functions that release memory are replaced; allocation stays with glibc. They
 * serve every library in the process, since glibc prefers the program's definition.
 *
 * Must never be linked into a sanitizer build: the sanitizer brings its own allocator.
 */

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern void __libc_free(void *block);

/* Shrinking in place keeps at most this factor of unused memory. */
#define SHRINK_FACTOR 2

void free(void *block)
{
	int saved = errno;

	if (!block)
		return;
	explicit_bzero(block, malloc_usable_size(block));
	__libc_free(block);
	errno = saved;
}

void *realloc(void *block, size_t size)
{
	size_t usable;
	void *moved;

	if (!block)
		return malloc(size);
	if (size == 0) {
		free(block);
		return NULL;
	}
	/*
	 * glibc would move the block and free the old place unwiped, or cut off its tail unwiped.
	 * So either keep the whole block and wipe its tail, or move the block here.
	 */
	usable = malloc_usable_size(block);
	if (size <= usable && size >= usable / SHRINK_FACTOR) {
		explicit_bzero((char *)block + size, usable - size);
		return block;
	}
	moved = malloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, block, size < usable ? size : usable);
	free(block);
	return moved;
}

void *reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, bytes);
}
