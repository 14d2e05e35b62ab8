/* SPDX-License-Identifier: MIT */
/*
 * Base64 as RFC 4648 section 4 writes it: padded, no line breaks.
 *
 * Must never be used on plaintext keys outside locked memory: base64_encode() returns plain heap.
 */
#ifndef ENVELOPE_BASE64_H
#define ENVELOPE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/** base64_encode() - Return: a malloc'd string, or NULL when out of memory */
char *base64_encode(const uint8_t *bytes, size_t size);

/**
 * base64_decode() - strict decoding
 * @text: terminated; length a multiple of four, no white space
 * @bytes: set to a malloc'd buffer (never NULL on success, even for zero bytes)
 * @size: set to its length in bytes
 *
 * Return: 0, -EINVAL (not base64) or -ENOMEM.
 */
int base64_decode(const char *text, uint8_t **bytes, size_t *size);

#endif
