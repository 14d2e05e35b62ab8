// SPDX-License-Identifier: MIT
/*
 * Sealing and opening ciphertext blobs.
 *
 * Must never tell a wrong context from a damaged blob: AWS does not either. Must never call a blob
 * invalid if opening could not be tried: a client may take that answer for final.
 */

#include "kms/keys/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-id128.h>

#include "kms/keys/crypto.h"

#define BLOB_VERSION   1
#define BLOB_ALGORITHM 1
#define SALT_BYTES     16
#define PURPOSE	       "dm-envelope kms ciphertext"

struct blob_header {
	uint8_t version;
	uint8_t algorithm;
	uint8_t material[2]; /* big endian; before rotations it was zero */
	uint8_t key_id[sizeof(sd_id128_t)];
	uint8_t salt[SALT_BYTES];
};

_Static_assert(sizeof(struct blob_header) == 36, "the blob header is a format");

static uint8_t *join_aad(const struct blob_header *header, const struct context *context,
			 struct crypto_bytes *aad)
{
	uint8_t *bytes = malloc(sizeof(*header) + context->size);

	if (!bytes)
		return NULL;
	memcpy(bytes, header, sizeof(*header));
	if (context->size > 0)
		memcpy(bytes + sizeof(*header), context->bytes, context->size);
	aad->bytes = bytes;
	aad->size = sizeof(*header) + context->size;
	return bytes;
}

static struct secret *derive(const struct secret *material, const struct blob_header *header)
{
	struct crypto_bytes salt = { header->salt, sizeof(header->salt) };

	return crypto_derive(material, salt, PURPOSE);
}

/**
 * blob_seal() - encrypt
 * @cmk: the key
 * @material: the bytes of its current material
 * @blob: set to a malloc'd buffer
 *
 * Return: 0 or -1.
 */
int blob_seal(const struct cmk *cmk, const struct secret *material, const struct context *context,
	      const struct secret *plain, uint8_t **blob, size_t *size, struct fault *f)
{
	struct blob_header header = { .version = BLOB_VERSION, .algorithm = BLOB_ALGORITHM };
	_cleanup_secret_ struct secret *key = NULL;
	struct crypto_bytes bytes = { plain->bytes, plain->size };
	size_t number = materials_count(cmk->materials);
	struct crypto_bytes aad;
	uint8_t *joined = NULL, *out = NULL;
	sd_id128_t id;

	if (sd_id128_from_string(cmk->key_id, &id) < 0 ||
	    crypto_random(header.salt, sizeof(header.salt)))
		goto err_free;
	memcpy(header.key_id, id.bytes, sizeof(header.key_id));
	header.material[0] = (uint8_t)(number >> 8);
	header.material[1] = (uint8_t)number;
	key = derive(material, &header);
	joined = join_aad(&header, context, &aad);
	*size = sizeof(header) + plain->size + CRYPTO_SEAL_BYTES;
	out = malloc(*size);
	if (!key || !joined || !out || crypto_seal(key, aad, bytes, out + sizeof(header)))
		goto err_free;
	memcpy(out, &header, sizeof(header));
	free(joined);
	*blob = out;
	return 0;

err_free:
	free(joined);
	free(out);
	return fault_set(f, "KMSInternalException",
			 "The data cannot be encrypted: no memory, or none that can be locked. Raise LimitMEMLOCK.");
}

static int read_header(const uint8_t *blob, size_t size, struct blob_header *header,
		       struct fault *f)
{
	if (size < sizeof(*header) + CRYPTO_SEAL_BYTES)
		return fault_set(f, "InvalidCiphertextException", "The ciphertext is too short.");
	memcpy(header, blob, sizeof(*header));
	if (header->version != BLOB_VERSION || header->algorithm != BLOB_ALGORITHM)
		return fault_set(f, "InvalidCiphertextException",
				 "The ciphertext was not made by this KMS.");
	return 0;
}

/**
 * blob_read_key() - read which key and which of its materials a blob names
 * @material: set to its number, which need not be one that the key has
 * @f: InvalidCiphertextException
 *
 * Return: 0 or -1.
 */
int blob_read_key(const uint8_t *blob, size_t size, char key_id[KEY_ID_MAX], size_t *material,
		  struct fault *f)
{
	struct blob_header header;
	sd_id128_t id;

	if (read_header(blob, size, &header, f))
		return -1;
	memcpy(id.bytes, header.key_id, sizeof(id.bytes));
	sd_id128_to_uuid_string(id, key_id);
	*material = (size_t)header.material[0] << 8 | header.material[1];
	return 0;
}

/**
 * blob_open() - decrypt
 * @f: InvalidCiphertextException when the blob or @context is not the one that was sealed, which
 *     a client may take for final; KMSInternalException when opening could not be tried
 *
 * Return: plaintext, or NULL.
 */
struct secret *blob_open(const struct secret *material, const struct context *context,
			 const uint8_t *blob, size_t size, struct fault *f)
{
	struct blob_header header;
	_cleanup_secret_ struct secret *key = NULL;
	struct crypto_bytes sealed = { blob + sizeof(header), size - sizeof(header) };
	struct crypto_bytes aad;
	struct secret *plain;
	uint8_t *joined;
	int r = -ENOMEM;

	if (read_header(blob, size, &header, f))
		return NULL;
	if (sealed.size == CRYPTO_SEAL_BYTES) { /* Encrypt takes at least one byte */
		fault_set(f, "InvalidCiphertextException", "The ciphertext is too short.");
		return NULL;
	}
	key = derive(material, &header);
	joined = join_aad(&header, context, &aad);
	plain = secret_new(sealed.size - CRYPTO_SEAL_BYTES);
	if (key && joined && plain)
		r = crypto_open(key, aad, sealed, plain->bytes);
	free(joined);
	if (!r)
		return plain;

	secret_free(plain);
	if (r == -EBADMSG)
		fault_set(f, "InvalidCiphertextException",
			  "The ciphertext is damaged or the encryption context is not the one it was made with.");
	else
		fault_set(f, "KMSInternalException",
			  "The ciphertext cannot be decrypted: no memory, or none that can be locked. Raise LimitMEMLOCK.");
	return NULL;
}
