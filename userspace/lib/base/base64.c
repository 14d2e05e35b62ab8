// SPDX-License-Identifier: MIT
/*
 * Base64 over OpenSSL's block functions, which are not strict enough by themselves.
 *
 * Must never accept two spellings of the same bytes: a text decodes only if it encodes back.
 */

#include "lib/base/base64.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/** base64_encode() - Return: a malloc'd string, or NULL when out of memory */
char *base64_encode(const uint8_t *bytes, size_t size)
{
	char *text;

	if (size > INT_MAX / 2)
		return NULL;
	text = malloc((size + 2) / 3 * 4 + 1);
	if (!text)
		return NULL;
	text[0] = '\0';
	EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
	return text;
}

static int decode_exact(const char *text, size_t length, uint8_t *bytes, size_t *size)
{
	size_t padding = 0;
	char *again;
	int decoded, same;

	decoded = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length);
	if (decoded < 0)
		return -EINVAL;
	while (padding < 2 && text[length - 1 - padding] == '=')
		padding++;
	*size = (size_t)decoded - padding;
	again = base64_encode(bytes, *size);
	if (!again)
		return -ENOMEM;
	same = !strcmp(again, text);
	explicit_bzero(again, strlen(again));
	free(again);
	return same ? 0 : -EINVAL;
}

/**
 * base64_decode() - strict decoding
 * @text: terminated; length a multiple of four, no white space
 * @bytes: set to a malloc'd buffer (never NULL on success, even for zero bytes)
 * @size: set to its length in bytes
 *
 * Return: 0, -EINVAL (not base64) or -ENOMEM.
 */
int base64_decode(const char *text, uint8_t **bytes, size_t *size)
{
	size_t length = strlen(text);
	int r = 0;

	if (length % 4 != 0 || length > INT_MAX / 2)
		return -EINVAL;
	*bytes = malloc(length / 4 * 3 + 1);
	if (!*bytes)
		return -ENOMEM;
	*size = 0;
	if (length > 0)
		r = decode_exact(text, length, *bytes, size);
	if (r) {
		explicit_bzero(*bytes, length / 4 * 3 + 1);
		free(*bytes);
		*bytes = NULL;
	}
	return r;
}
