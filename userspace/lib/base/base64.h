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

char *base64_encode(const uint8_t *bytes, size_t size);

int base64_decode(const char *text, uint8_t **bytes, size_t *size);

#endif
