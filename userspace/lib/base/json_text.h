/* SPDX-License-Identifier: MIT */
/*
 * What json-c takes beyond RFC 8259, also with its flag to be strict: names in single quotes, NaN and
 * Infinity, numbers such as "01" and "1.", control characters in strings, an escaped NUL, half of a
 * surrogate pair. Another reader refuses such a text, or understands it in another way.
 *
 * Must never be the only check of a text: json-c comes behind it.
 */
#ifndef ENVELOPE_JSON_TEXT_H
#define ENVELOPE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

bool json_text_is_strict(const char *text, size_t size);

#endif
