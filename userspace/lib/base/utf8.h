/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 as RFC 3629 defines it: no overlong form, no surrogate, nothing above U+10FFFF.
 *
 * Must never read beyond the given size.
 */
#ifndef ENVELOPE_UTF8_H
#define ENVELOPE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *text, size_t size);

size_t utf8_length(const char *text);

void utf8_clean(char *text);

#endif
