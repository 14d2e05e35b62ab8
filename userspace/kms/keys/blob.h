/* SPDX-License-Identifier: MIT */
/*
 * The ciphertext blob:
 *
 *	offset  bytes
 *	0       1     version, 1
 *	1       1     algorithm, 1: HKDF-SHA256 and AES-256-GCM
 *	2       2     number of the key material, big endian; 0 is the first one
 *	4       16    key id (UUID)
 *	20      16    salt: HKDF makes this blob's own key of the CMK and the salt, so that no number
 *	              of blobs under one CMK wears out its nonces
 *	36      12    nonce
 *	48      n     ciphertext
 *	48+n    16    tag over bytes 0 to 35, the canonical encryption context and the ciphertext
 *
 * Must never give plaintext unless blob, context and key are those of the encryption.
 */
#ifndef ENVELOPE_KMS_BLOB_H
#define ENVELOPE_KMS_BLOB_H

#include "kms/keys/cmk.h"
#include "kms/keys/context.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

#define BLOB_MAX 6144 /* bytes, as AWS */

int blob_seal(const struct cmk *cmk, const struct secret *material, const struct context *context,
	      const struct secret *plain, uint8_t **blob, size_t *size, struct fault *f);

int blob_read_key(const uint8_t *blob, size_t size, char key_id[KEY_ID_MAX], size_t *material,
		  struct fault *f);

struct secret *blob_open(const struct secret *material, const struct context *context,
			 const uint8_t *blob, size_t size, struct fault *f);

#endif
