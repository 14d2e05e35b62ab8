/* SPDX-License-Identifier: MIT */
/*
 * Who signs with an access key: a profile of the credentials file, or a user of the key store.
 *
 * Must never take an access key for unknown unless the key store proves its absence.
 */
#ifndef ENVELOPE_KMS_CALLER_H
#define ENVELOPE_KMS_CALLER_H

#include "kms/call.h"

int caller_find(const char *access_key, void *call, const struct principal **principal,
		struct fault *f);

void caller_note_twins(struct kms *kms);

#endif
