// SPDX-License-Identifier: MIT
/*
 * Secret memory: anonymous private pages, locked, undumped, wiped on fork, between guard pages.
 *
 * Must never leave bytes behind: every way out of here goes through explicit_bzero().
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

/* Deeper than any frame of OpenSSL, GnuTLS or json-c that was seen to hold key bytes. */
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

struct secret *secret_new(size_t size)
{
	size_t page = page_size();
	size_t payload;
	struct secret *s;
	uint8_t *map;
	int err;

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
	if (mprotect(map + page, payload, PROT_READ | PROT_WRITE) ||
	    madvise(map + page, payload, MADV_DONTDUMP) ||
	    madvise(map + page, payload, MADV_WIPEONFORK) ||
	    mlock2(map + page, payload, 0)) /* not mlock(): AddressSanitizer makes that do nothing */
		goto err_unmap;
	s->bytes = map + page;
	s->size = size;
	return s;

err_unmap:
	err = errno;
	munmap(map, payload + 2 * page);
	errno = err;
err_free:
	free(s);
	return NULL;
}

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

int secret_equal(const struct secret *a, const struct secret *b)
{
	return a->size == b->size && CRYPTO_memcmp(a->bytes, b->bytes, a->size) == 0;
}

int secret_process_init(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none))
		return -errno;
	return 0;
}

__attribute__((noinline)) void stack_wipe(void)
{
	uint8_t dead[STACK_WIPE_BYTES];

	explicit_bzero(dead, sizeof(dead));
}
