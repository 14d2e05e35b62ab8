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

/**
 * secret_new() - allocate zeroed secret memory
 * @size: bytes, at least 1
 *
 * Return: the secret, to be released by secret_free(), or NULL with errno set (ENOMEM when
 * RLIMIT_MEMLOCK does not allow the pages to be locked).
 */
struct secret *secret_new(size_t size);

/** secret_free() - wipe and release @s; NULL is fine */
void secret_free(struct secret *s);

void secret_freep(struct secret **s);
#define _cleanup_secret_ __attribute__((cleanup(secret_freep)))

/** secret_equal() - 1 when both hold the same bytes, else 0; constant time in the contents */
int secret_equal(const struct secret *a, const struct secret *b);

/**
 * secret_process_init() - no core dumps and no ptrace or /proc/self/mem by peers of this process
 *
 * Call once, first thing in main(), in each program that handles plaintext keys.
 *
 * Return: 0 or -errno.
 */
int secret_process_init(void);

/**
 * stack_wipe() - overwrite the unused stack below the caller
 *
 * Cryptographic libraries spill key bytes to the stack; call this after using them, from the
 * function that called them, so that their dead frames hold nothing.
 */
void stack_wipe(void);

#endif
