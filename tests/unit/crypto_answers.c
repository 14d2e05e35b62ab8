// SPDX-License-Identifier: MIT
/*
 * What kms/keys/crypto.c makes of given bytes, for the published vectors: tests/host/kms_crypto_vectors.py.
 *
 * Each line of the input is an object whose members are in hex:
 *   {"seal": {"key", "nonce", "aad", "plain"}}  prints nonce, ciphertext and tag
 *   {"open": {"key", "aad", "sealed"}}          prints the plaintext, or "refused", or the errno
 *   {"derive": {"key", "salt", "purpose"}}      prints the derived key
 *
 * The linker puts __wrap_RAND_priv_bytes() in the place of OpenSSL's: a vector says which nonce it had.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "json_lines.h"

#include "kms/keys/crypto.h"
#include "lib/base/json.h"

#define BYTES_MAX 256 /* of a member of NIST's and the RFC's vectors */

struct member {
	uint8_t bytes[BYTES_MAX];
	size_t size;
};

static struct member nonce;

int __wrap_RAND_priv_bytes(unsigned char *bytes, int size);

int __wrap_RAND_priv_bytes(unsigned char *bytes, int size)
{
	if ((size_t)size != nonce.size)
		exit(1);
	memcpy(bytes, nonce.bytes, nonce.size);
	return 1;
}

static void read_member(struct json_object *o, const char *name, struct member *m)
{
	const char *hex = json_get_string(o, name);

	m->size = 0;
	if (!hex || (*hex && !OPENSSL_hexstr2buf_ex(m->bytes, BYTES_MAX, &m->size, hex, '\0'))) {
		fprintf(stderr, "%s is no hex of at most %d bytes\n", name, BYTES_MAX);
		exit(1);
	}
}

static struct secret *read_secret(struct json_object *o, const char *name)
{
	struct secret *secret;
	struct member m;

	read_member(o, name, &m);
	secret = secret_new(m.size);
	if (!secret)
		exit(1);
	memcpy(secret->bytes, m.bytes, m.size);
	return secret;
}

static void print_hex(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
}

static void seal(struct json_object *o)
{
	_cleanup_secret_ struct secret *key = read_secret(o, "key");
	uint8_t out[BYTES_MAX + CRYPTO_SEAL_BYTES];
	struct member aad, plain;

	read_member(o, "nonce", &nonce);
	read_member(o, "aad", &aad);
	read_member(o, "plain", &plain);
	if (crypto_seal(key, (struct crypto_bytes){ aad.bytes, aad.size },
			(struct crypto_bytes){ plain.bytes, plain.size }, out))
		puts("not sealed");
	else
		print_hex(out, plain.size + CRYPTO_SEAL_BYTES);
}

static void open_sealed(struct json_object *o)
{
	_cleanup_secret_ struct secret *key = read_secret(o, "key");
	struct member aad, sealed;
	uint8_t out[BYTES_MAX];
	int r;

	read_member(o, "aad", &aad);
	read_member(o, "sealed", &sealed);
	memset(out, 0xff, sizeof(out));
	r = crypto_open(key, (struct crypto_bytes){ aad.bytes, aad.size },
			(struct crypto_bytes){ sealed.bytes, sealed.size }, out);
	if (!r)
		print_hex(out, sealed.size - CRYPTO_SEAL_BYTES);
	else if (r != -EBADMSG)
		printf("errno %d\n", -r);
	else if (out[0] != 0 && sealed.size > CRYPTO_SEAL_BYTES)
		puts("refused, and the plaintext left in place");
	else
		puts("refused");
}

static void derive(struct json_object *o)
{
	_cleanup_secret_ struct secret *key = read_secret(o, "key");
	_cleanup_secret_ struct secret *derived = NULL;
	char purpose[BYTES_MAX + 1];
	struct member salt, info;

	read_member(o, "salt", &salt);
	read_member(o, "purpose", &info);
	memcpy(purpose, info.bytes, info.size);
	purpose[info.size] = '\0';
	derived = crypto_derive(key, (struct crypto_bytes){ salt.bytes, salt.size }, purpose);
	if (derived)
		print_hex(derived->bytes, derived->size);
	else
		puts("not derived");
}

static void answer(struct json_object *line)
{
	struct json_object *o;

	if (json_object_object_get_ex(line, "seal", &o))
		seal(o);
	else if (json_object_object_get_ex(line, "open", &o))
		open_sealed(o);
	else if (json_object_object_get_ex(line, "derive", &o))
		derive(o);
	else
		exit(1);
}

int main(void)
{
	return json_lines(answer);
}
