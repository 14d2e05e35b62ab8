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

#define ACCESS_KEY_PREFIX "AKIA"
#define LIMITED		  "envelope_rights = none\n" /* see struct principal */

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/* 64 characters, so that a random byte maps to them evenly. */
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int random_text(char *text, size_t count, const char *alphabet)
{
	size_t letters = strlen(alphabet);
	uint8_t bytes[SECRET_KEY_CHARS];
	size_t i;

	_Static_assert(SECRET_KEY_CHARS >= ACCESS_KEY_CHARS, "no text has more random bytes");

	if (RAND_priv_bytes(bytes, (int)count) != 1)
		return -1;
	for (i = 0; i < count; i++)
		text[i] = alphabet[bytes[i] % letters];
	text[count] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

/**
 * credentials_id() - @count random letters and digits, as AWS's ids of users and access keys have them
 * @text: with room for a NUL
 * @count: at most ACCESS_KEY_CHARS
 *
 * Return: 0, or -1 without random bytes.
 */
int credentials_id(char *text, size_t count)
{
	return random_text(text, count, base32);
}

/** credentials_key() - a new access key; wipe @secret_key; Return: 0, or -1 without random bytes */
int credentials_key(char access_key[ACCESS_KEY_CHARS + 1], char secret_key[SECRET_KEY_CHARS + 1])
{
	size_t prefix = strlen(ACCESS_KEY_PREFIX);

	strcpy(access_key, ACCESS_KEY_PREFIX);
	if (credentials_id(access_key + prefix, ACCESS_KEY_CHARS - prefix))
		return -1;
	return random_text(secret_key, SECRET_KEY_CHARS, base64url);
}

static int add_profile(char *text, size_t size, const char *name, const char *region,
		       const char *more)
{
	char access_key[ACCESS_KEY_CHARS + 1], secret_key[SECRET_KEY_CHARS + 1];
	size_t used = strlen(text);

	if (credentials_key(access_key, secret_key))
		return -1;
	snprintf(text + used, size - used,
		 "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n%s", name,
		 access_key, secret_key, region, more);
	explicit_bzero(secret_key, sizeof(secret_key));
	return 0;
}

/**
 * credentials_make() - write profiles [enveloped] and [admin] to @path unless the file exists
 *
 * The agent has no right to a key but those that somebody gives it by name: it can manage none.
 *
 * Return: 0 or -1.
 */
int credentials_make(const char *path, const char *region, struct fault *f)
{
	char text[1024] = "# Access keys of the principals of envelope-kms.\n";
	int r;

	if (access(path, F_OK) == 0)
		return 0;
	if (add_profile(text, sizeof(text), "enveloped", region, LIMITED) ||
	    add_profile(text, sizeof(text), "admin", region, ""))
		return fault_set(f, "InternalFailure",
				 "Access keys cannot be made: OpenSSL gives no random bytes.");
	r = file_create(path, 0600, text, strlen(text), f);
	explicit_bzero(text, sizeof(text));
	return r == -EEXIST ? 0 : r;
}
