// SPDX-License-Identifier: MIT
/*
 * AES-256-GCM, HKDF and randomness over OpenSSL's EVP interface.
 *
 * Must never keep a context: each call has its own, which OpenSSL wipes when it is freed.
 */

#include "kms/keys/crypto.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

/** crypto_random() - fill @bytes; Return: 0 or -1 */
int crypto_random(uint8_t *bytes, size_t size)
{
	return RAND_priv_bytes(bytes, (int)size) == 1 ? 0 : -1;
}

static int seal_with(EVP_CIPHER_CTX *ctx, const struct secret *key, struct crypto_bytes aad,
		     struct crypto_bytes plain, uint8_t *out)
{
	uint8_t *body = out + CRYPTO_NONCE_BYTES;
	int size;

	if (crypto_random(out, CRYPTO_NONCE_BYTES) ||
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, out) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &size, aad.bytes, (int)aad.size) != 1)
		return -1;
	if (plain.size > 0 &&
	    EVP_EncryptUpdate(ctx, body, &size, plain.bytes, (int)plain.size) != 1)
		return -1;
	if (EVP_EncryptFinal_ex(ctx, body + plain.size, &size) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_BYTES, body + plain.size) !=
		    1)
		return -1;
	return 0;
}

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
		uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	int r;

	if (key->size != CRYPTO_KEY_BYTES)
		return -1;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return -1;
	r = seal_with(ctx, key, aad, plain, out);
	EVP_CIPHER_CTX_free(ctx);
	stack_wipe();
	return r;
}

static int open_with(EVP_CIPHER_CTX *ctx, const struct secret *key, struct crypto_bytes aad,
		     struct crypto_bytes sealed, uint8_t *out)
{
	size_t plain_size = sealed.size - CRYPTO_SEAL_BYTES;
	const uint8_t *body = sealed.bytes + CRYPTO_NONCE_BYTES;
	uint8_t tag[CRYPTO_TAG_BYTES];
	uint8_t none[1];
	int size;

	memcpy(tag, body + plain_size, sizeof(tag));
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, sealed.bytes) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &size, aad.bytes, (int)aad.size) != 1)
		return -EIO;
	if (plain_size > 0 && EVP_DecryptUpdate(ctx, out, &size, body, (int)plain_size) != 1)
		return -EIO;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1)
		return -EIO;
	/* Only EVP_DecryptFinal_ex() compares the tags. */
	return EVP_DecryptFinal_ex(ctx, none, &size) == 1 ? 0 : -EBADMSG;
}

/**
 * crypto_open() - inverse of crypto_seal()
 * @sealed: what crypto_seal() wrote
 * @out: @sealed.size - CRYPTO_SEAL_BYTES bytes, wiped when the tag is wrong; NULL when empty
 *
 * Return: 0; -EBADMSG when key, AAD or bytes are not the ones that were sealed; another negative
 * errno when decryption could not be tried, which says nothing about them.
 */
int crypto_open(const struct secret *key, struct crypto_bytes aad, struct crypto_bytes sealed,
		uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	int r;

	if (key->size != CRYPTO_KEY_BYTES)
		return -EINVAL;
	if (sealed.size < CRYPTO_SEAL_BYTES)
		return -EBADMSG;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return -ENOMEM;
	r = open_with(ctx, key, aad, sealed, out);
	EVP_CIPHER_CTX_free(ctx);
	if (r && out)
		explicit_bzero(out, sealed.size - CRYPTO_SEAL_BYTES);
	stack_wipe();
	return r;
}

/**
 * crypto_derive() - HKDF-SHA256
 * @key: input key
 * @salt: makes each derived key different
 * @purpose: domain separation
 *
 * Return: a key of CRYPTO_KEY_BYTES, or NULL.
 */
struct secret *crypto_derive(const struct secret *key, struct crypto_bytes salt,
			     const char *purpose)
{
	OSSL_PARAM params[5];
	struct secret *derived = secret_new(CRYPTO_KEY_BYTES);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key->bytes, key->size);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.bytes,
						      salt.size);
	params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)purpose,
						      strlen(purpose));
	params[4] = OSSL_PARAM_construct_end();
	if (!derived || !ctx || EVP_KDF_derive(ctx, derived->bytes, derived->size, params) != 1) {
		secret_free(derived);
		derived = NULL;
	}
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	stack_wipe();
	return derived;
}
