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

int recipient_new(struct secret **private_key, struct fault *f);

int recipient_public_key(const uint8_t *private_key, size_t size, uint8_t **der, size_t *der_size,
			 struct fault *f);

int recipient_open(const uint8_t *private_key, size_t size, const uint8_t *cms, size_t cms_size,
		   uint8_t *plaintext, size_t capacity, size_t *plaintext_size, struct fault *f);

#endif
