/* SPDX-License-Identifier: MIT */
/*
 * How plaintext enters and leaves the KMS: in clear inside TLS only, else encrypted to the caller's
 * own key (Recipient), because the kernel frees the buffers of a unix socket unwiped.
 *
 * Must never put plaintext on a unix socket.
 */
#ifndef ENVELOPE_KMS_PLAINTEXT_H
#define ENVELOPE_KMS_PLAINTEXT_H

#include "kms/call.h"
#include "lib/base/secret.h"

struct recipient {
	uint8_t *spki; /* malloc'd; NULL: the caller named no recipient */
	size_t spki_size;
};

void recipient_free(struct recipient *recipient);
#define _cleanup_recipient_ __attribute__((cleanup(recipient_free)))

int plaintext_route(struct call *call, bool dry_run, struct recipient *recipient, struct fault *f);

int plaintext_reply(struct call *call, const struct recipient *recipient,
		    const struct secret *plain, struct fault *f);

int plaintext_over_unix(const struct call *call, struct fault *f);

#endif
