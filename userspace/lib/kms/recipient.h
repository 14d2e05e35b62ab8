/* SPDX-License-Identifier: MIT */
/*
 * The receiving end of CiphertextForRecipient: an RSA-2048 key pair, and the opening of the CMS
 * EnvelopedData that a KMS encrypts to it.
 *
 * The private key must never be outside struct secret or wiped OpenSSL memory.
 */
#ifndef ENVELOPE_RECIPIENT_H
#define ENVELOPE_RECIPIENT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

/** RECIPIENT_KEY_MAX - largest DER of the private key, in bytes */
#define RECIPIENT_KEY_MAX 2048
/** RECIPIENT_PLAINTEXT_MAX - largest plaintext KMS gives: 4096 of Decrypt */
#define RECIPIENT_PLAINTEXT_MAX 4096

/**
 * recipient_new() - make a key pair; takes about a tenth of a second
 * @private_key: set to the PKCS#1 DER in secret memory (caller frees)
 *
 * Return: 0 or -1.
 */
int recipient_new(struct secret **private_key, struct fault *f);

/**
 * recipient_public_key() - DER SubjectPublicKeyInfo, as the AttestationDocument wants it
 * @private_key: DER, @size bytes
 * @der: malloc'd, caller frees
 * @der_size: its bytes
 *
 * Return: 0 or -1.
 */
int recipient_public_key(const uint8_t *private_key, size_t size, uint8_t **der, size_t *der_size,
			 struct fault *f);

/**
 * recipient_open() - decrypt a CMS EnvelopedData
 * @private_key: DER, @size bytes
 * @cms: DER, @cms_size bytes, hostile
 * @plaintext: destination of @capacity bytes, meant to be locked memory
 * @plaintext_size: set to the bytes written
 *
 * Only RSAES-OAEP with SHA-256 and AES-256-CBC are accepted. What OpenSSL buffers on the way is
 * heap: the program must be linked with wipe_malloc.c.
 *
 * Return: 0 or -1.
 */
int recipient_open(const uint8_t *private_key, size_t size, const uint8_t *cms, size_t cms_size,
		   uint8_t *plaintext, size_t capacity, size_t *plaintext_size, struct fault *f);

#endif
