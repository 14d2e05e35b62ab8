/* SPDX-License-Identifier: MIT */
/* Bytes as lower-case hexadecimal digits, without a library. */
#ifndef ENVELOPE_HEX_H
#define ENVELOPE_HEX_H

#include <stddef.h>
#include <stdint.h>

char *hex_encode(const uint8_t *bytes, size_t size);

int hex_decode(const char *text, uint8_t *bytes, size_t size);

#endif
