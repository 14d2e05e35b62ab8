// SPDX-License-Identifier: MIT
/*
 * Secret memory: anonymous private pages, locked, undumped, wiped on fork, between guard pages.
 *
 * Must never leave bytes behind: every release goes through explicit_bzero().
 */

#include "lib/base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* Deeper than all frames of OpenSSL, GnuTLS and json-c in which key bytes were found. */
#define STACK_WIPE_BYTES (64 * 1024)

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t payload_pages(size_t size)
{
	size_t page = page_size();

	return (size + page - 1) / page * page;
}

/**
 * secret_new() - allocate zeroed secret memory
 * @size: bytes, at least 1
 *
 * Return: the secret, to be released by secret_free(), or NULL with errno set (ENOMEM when
 * RLIMIT_MEMLOCK does not allow the pages to be locked).
 */
struct secret *secret_new(size_t size)
{
	size_t page = page_size();
	size_t payload;
	struct secret *s;
	uint8_t *map;
	int saved;

	if (size == 0 || size > SIZE_MAX / 2) {
		errno = EINVAL;
		return NULL;
	}
	payload = payload_pages(size);
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	map = mmap(NULL, payload + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		goto err_free;
	/* mlock2(), since AddressSanitizer turns mlock() into nothing. */
	if (mprotect(map + page, payload, PROT_READ | PROT_WRITE) ||
	    madvise(map + page, payload, MADV_DONTDUMP) ||
	    madvise(map + page, payload, MADV_WIPEONFORK) || mlock2(map + page, payload, 0))
		goto err_unmap;
	s->bytes = map + page;
	s->size = size;
	return s;

err_unmap:
	saved = errno;
	munmap(map, payload + 2 * page);
	errno = saved;
err_free:
	free(s);
	return NULL;
}

/** secret_free() - wipe and release @s; NULL is fine */
void secret_free(struct secret *s)
{
	size_t page = page_size();
	size_t payload;

	if (!s)
		return;
	payload = payload_pages(s->size);
	explicit_bzero(s->bytes, payload);
	munmap(s->bytes - page, payload + 2 * page);
	free(s);
}

void secret_freep(struct secret **s)
{
	secret_free(*s);
}

/** secret_equal() - 1 when both hold the same bytes, else 0; constant time in the contents */
int secret_equal(const struct secret *a, const struct secret *b)
{
	return a->size == b->size && CRYPTO_memcmp(a->bytes, b->bytes, a->size) == 0;
}

/**
 * secret_process_init() - no core dumps and no ptrace or /proc/self/mem by peers of this process
 *
 * Call once, first thing in main(), in each program that handles plaintext keys.
 *
 * Return: 0 or -errno.
 */
int secret_process_init(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none))
		return -errno;
	return 0;
}

/**
 * stack_wipe() - overwrite the unused stack below the caller
 *
 * Cryptographic libraries spill key bytes to the stack; call this after using them, from the
 * function that called them, so that their dead frames hold nothing.
 */
__attribute__((noinline)) void stack_wipe(void)
{
	uint8_t dead[STACK_WIPE_BYTES];

	explicit_bzero(dead, sizeof(dead));
}
