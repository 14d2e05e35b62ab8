// SPDX-License-Identifier: MIT
/*
 * Making access keys.
 *
 * Must never use letters that need quoting in an ini file.
 */

#include "lib/http/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "lib/base/file.h"

#define ACCESS_KEY_RANDOM     16
#define SECRET_KEY_CHARACTERS 40

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/* 64 characters, so that a random byte maps to them evenly. */
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int random_text(char *text, size_t count, const char *alphabet)
{
	size_t letters = strlen(alphabet);
	uint8_t bytes[SECRET_KEY_CHARACTERS];
	size_t i;

	if (RAND_priv_bytes(bytes, (int)count) != 1)
		return -1;
	for (i = 0; i < count; i++)
		text[i] = alphabet[bytes[i] % letters];
	text[count] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

static int add_profile(char *text, size_t size, const char *name, const char *region)
{
	char access_key[ACCESS_KEY_RANDOM + 1], secret_key[SECRET_KEY_CHARACTERS + 1];
	size_t used = strlen(text);

	if (random_text(access_key, ACCESS_KEY_RANDOM, base32) ||
	    random_text(secret_key, SECRET_KEY_CHARACTERS, base64url))
		return -1;
	snprintf(text + used, size - used,
		 "[%s]\naws_access_key_id = AKIA%s\naws_secret_access_key = %s\nregion = %s\n",
		 name, access_key, secret_key, region);
	explicit_bzero(secret_key, sizeof(secret_key));
	return 0;
}

/**
 * credentials_make() - write profiles [enveloped] and [admin] to @path unless the file exists
 *
 * Return: 0 or -1.
 */
int credentials_make(const char *path, const char *region, struct fault *f)
{
	char text[1024] = "# Access keys of the principals of envelope-kms.\n";
	int r;

	if (access(path, F_OK) == 0)
		return 0;
	if (add_profile(text, sizeof(text), "enveloped", region) ||
	    add_profile(text, sizeof(text), "admin", region))
		return fault_set(f, "InternalFailure",
				 "Access keys cannot be made: OpenSSL gives no random bytes.");
	r = file_create(path, 0600, text, strlen(text), f);
	explicit_bzero(text, sizeof(text));
	return r == -EEXIST ? 0 : r;
}
