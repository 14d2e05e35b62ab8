/* SPDX-License-Identifier: MIT */
/*
 * AES-256-GCM, HKDF and randomness, from OpenSSL.
 *
 * Must never return plaintext whose tag is wrong.
 */
#ifndef ENVELOPE_KMS_CRYPTO_H
#define ENVELOPE_KMS_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"

#define CRYPTO_KEY_BYTES   32
#define CRYPTO_NONCE_BYTES 12
#define CRYPTO_TAG_BYTES   16
/* Bytes that sealing adds: nonce in front, tag behind. */
#define CRYPTO_SEAL_BYTES (CRYPTO_NONCE_BYTES + CRYPTO_TAG_BYTES)

struct crypto_bytes {
	const uint8_t *bytes;
	size_t size;
};

int crypto_random(uint8_t *bytes, size_t size);

int crypto_seal(const struct secret *key, struct crypto_bytes aad, struct crypto_bytes plain,
		uint8_t *out);

int crypto_open(const struct secret *key, struct crypto_bytes aad, struct crypto_bytes sealed,
		uint8_t *out);

struct secret *crypto_derive(const struct secret *key, struct crypto_bytes salt,
			     const char *purpose);

#endif
