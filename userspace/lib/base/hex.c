// SPDX-License-Identifier: MIT
/* Hexadecimal digits. See hex.h. */

#include "lib/base/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

/** hex_encode() - Return: a malloc'd string, or NULL when out of memory */
char *hex_encode(const uint8_t *bytes, size_t size)
{
	char *text = malloc(2 * size + 1);

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * size] = 0;
	return text;
}

/**
 * hex_decode() - the bytes of a text with 2 * @size digits
 *
 * Return: 0, or -EINVAL for another length and for any other character.
 */
int hex_decode(const char *text, uint8_t *bytes, size_t size)
{
	if (strlen(text) != 2 * size)
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		const char *high = strchr(digits, text[2 * i]);
		const char *low = strchr(digits, text[2 * i + 1]);

		if (!high || !low)
			return -EINVAL;
		bytes[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return 0;
}
