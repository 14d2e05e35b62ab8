/* SPDX-License-Identifier: MIT */
/*
 * The ciphertext blob:
 *
 *	offset  bytes
 *	0       1     version, 1
 *	1       1     algorithm, 1: HKDF-SHA256 and AES-256-GCM
 *	2       2     zero
 *	4       16    key id (UUID)
 *	20      16    salt: with it HKDF makes this blob's own key out of the CMK, so that no number of
 *	              blobs under one CMK wears out its nonces
 *	36      12    nonce
 *	48      n     ciphertext
 *	48+n    16    tag over bytes 0 to 35, the canonical encryption context and the ciphertext
 *
 * Must never give plaintext for a blob, a context or a key that is not the one it was made with.
 */
#ifndef ENVELOPE_KMS_BLOB_H
#define ENVELOPE_KMS_BLOB_H

#include "kms/keys/cmk.h"
#include "kms/keys/context.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

#define BLOB_MAX 6144 /* bytes, as AWS */

/**
 * blob_seal() - encrypt
 * @cmk: the key
 * @material: its bytes
 * @blob: set to a malloc'd buffer
 *
 * Return: 0 or -1.
 */
int blob_seal(const struct cmk *cmk, const struct secret *material, const struct context *context,
	      const struct secret *plain, uint8_t **blob, size_t *size, struct fault *f);

/** blob_key_id() - which key a blob names; Return: 0, or -1 with InvalidCiphertextException */
int blob_key_id(const uint8_t *blob, size_t size, char key_id[KEY_ID_MAX], struct fault *f);

/**
 * blob_open() - decrypt
 * @f: InvalidCiphertextException when the blob or @context is not what was sealed, which a client
 *     may take for final; KMSInternalException when it could not be tried
 *
 * Return: plaintext, or NULL.
 */
struct secret *blob_open(const struct secret *material, const struct context *context,
			 const uint8_t *blob, size_t size, struct fault *f);

#endif
