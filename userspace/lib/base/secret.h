/* SPDX-License-Identifier: MIT */
/*
 * Secret bytes: the one type for key material in userspace. The memory is locked, left out of core
 * dumps and of forked children, fenced by guard pages, and wiped on release.
 *
 * Must never print, log or copy what it holds: grep for "struct secret" to review every use.
 */
#ifndef ENVELOPE_SECRET_H
#define ENVELOPE_SECRET_H

#include <stddef.h>
#include <stdint.h>

struct secret {
	uint8_t *bytes; /* owned mapping, zero-filled when new */
	size_t size;	/* in bytes, as asked for */
};

struct secret *secret_new(size_t size);

void secret_free(struct secret *s);

void secret_freep(struct secret **s);
#define _cleanup_secret_ __attribute__((cleanup(secret_freep)))

int secret_equal(const struct secret *a, const struct secret *b);

int secret_process_init(void);

void stack_wipe(void);

#endif
