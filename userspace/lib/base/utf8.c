// SPDX-License-Identifier: MIT
/* See utf8.h. */
#include "lib/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Size of the character at @text, which has @size > 0 bytes; 0 when the bytes are no character. */
static size_t character(const uint8_t *text, size_t size)
{
	static const struct {
		uint8_t first, last; /* byte that begins the character */
		uint8_t least, most; /* second byte */
		size_t size;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i, at;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (text[0] >= forms[i].first && text[0] <= forms[i].last)
			break;
	if (i == sizeof(forms) / sizeof(forms[0]) || forms[i].size > size)
		return 0;
	if (forms[i].size > 1 && (text[1] < forms[i].least || text[1] > forms[i].most))
		return 0;
	for (at = 2; at < forms[i].size; at++)
		if ((text[at] & 0xc0) != 0x80)
			return 0;
	return forms[i].size;
}

/** utf8_valid() - is @text whole characters of UTF-8? NUL is one of them */
bool utf8_valid(const char *text, size_t size)
{
	size_t at = 0, step;

	while (at < size) {
		step = character((const uint8_t *)text + at, size - at);
		if (!step)
			return false;
		at += step;
	}
	return true;
}

/** utf8_clean() - put a question mark in place of each byte of @text that is not UTF-8 */
void utf8_clean(char *text)
{
	size_t size = strlen(text), at = 0, step;

	while (at < size) {
		step = character((const uint8_t *)text + at, size - at);
		if (!step)
			text[at] = '?';
		at += step ? step : 1;
	}
}

/** utf8_length() - Return: characters of valid UTF-8 */
size_t utf8_length(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}
