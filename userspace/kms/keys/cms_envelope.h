/* SPDX-License-Identifier: MIT */
/*
 * CiphertextForRecipient: plaintext encrypted to the caller's RSA key as CMS EnvelopedData
 * (AES-256-CBC, RSAES-OAEP with SHA-256), so that it never crosses a socket in clear.
 *
 * Must never be given a key weaker than RSA-2048.
 */
#ifndef ENVELOPE_KMS_CMS_ENVELOPE_H
#define ENVELOPE_KMS_CMS_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

int cms_envelope(const uint8_t *spki, size_t spki_size, const struct secret *plain, uint8_t **der,
		 size_t *der_size, struct fault *f);

#endif
