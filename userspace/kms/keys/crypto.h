/* SPDX-License-Identifier: MIT */
/*
 * AES-256-GCM, HKDF and randomness, as OpenSSL gives them.
 *
 * Must never return plaintext whose tag was not right.
 */
#ifndef ENVELOPE_KMS_CRYPTO_H
#define ENVELOPE_KMS_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"

#define CRYPTO_KEY_BYTES   32
#define CRYPTO_NONCE_BYTES 12
#define CRYPTO_TAG_BYTES   16
/* What sealing adds: nonce in front, tag behind. */
#define CRYPTO_SEAL_BYTES (CRYPTO_NONCE_BYTES + CRYPTO_TAG_BYTES)

struct crypto_bytes {
	const uint8_t *bytes;
	size_t size;
};

/** crypto_random() - fill @bytes; Return: 0 or -1 */
int crypto_random(uint8_t *bytes, size_t size);

/**
 * crypto_seal() - encrypt and authenticate under a fresh random nonce
 * @key: CRYPTO_KEY_BYTES
 * @aad: authenticated, not encrypted
 * @plain: may be empty
 * @out: @plain.size + CRYPTO_SEAL_BYTES bytes: nonce, ciphertext, tag
 *
 * Return: 0 or -1.
 */
int crypto_seal(const struct secret *key, struct crypto_bytes aad, struct crypto_bytes plain,
		uint8_t *out);

/**
 * crypto_open() - inverse of crypto_seal()
 * @sealed: what crypto_seal() wrote
 * @out: @sealed.size - CRYPTO_SEAL_BYTES bytes, wiped when the tag is wrong; NULL when empty
 *
 * Return: 0; -EBADMSG when key, AAD or bytes are not the ones that were sealed; another negative
 * errno when it could not be tried, which says nothing about them.
 */
int crypto_open(const struct secret *key, struct crypto_bytes aad, struct crypto_bytes sealed,
		uint8_t *out);

/**
 * crypto_derive() - HKDF-SHA256
 * @key: input key
 * @salt: makes each derived key different
 * @purpose: domain separation
 *
 * Return: a key of CRYPTO_KEY_BYTES, or NULL.
 */
struct secret *crypto_derive(const struct secret *key, struct crypto_bytes salt,
			     const char *purpose);

#endif
