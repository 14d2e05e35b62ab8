/* SPDX-License-Identifier: MIT */
/*
 * The canonical hash of a volume header. It goes into the KMS encryption context, so the KMS
 * unwraps a volume key only for the header that the key was wrapped for.
 *
 * The text that is hashed must never leave out a field that decides where or how data is
 * encrypted, nor change its form: every existing volume would become unreadable.
 */
#ifndef ENVELOPE_VOLUME_HASH_H
#define ENVELOPE_VOLUME_HASH_H

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

#define VOLUME_HASH_TEXT_MAX 2048

int volume_hash_text(const struct volume_header *header, char text[VOLUME_HASH_TEXT_MAX]);

int volume_hash(const struct volume_header *header, char hex[65], struct fault *f);

#endif
