/* SPDX-License-Identifier: MIT */
/*
 * The volume header: LUKS2, written and read through libcryptsetup. docs/format.md describes it
 * field by field.
 *
 * Must never return a value from outside the copy in memory that was checked against the profile
 * and hashed: a second read of the device may return something else.
 */
#ifndef ENVELOPE_HEADER_H
#define ENVELOPE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/header/volume_header.h"

int header_format(const char *device, int claim, const struct volume_identity *id,
		  const struct secret *key, struct volume_header *out, struct fault *f);

int header_set_wrapped_key(const char *device, int claim, struct volume_header *header,
			   const uint8_t *blob, size_t size, struct fault *f);

int header_read_claimed(const char *device, int claim, struct volume_header *out, struct fault *f);

int header_read(const char *device, struct volume_header *out, struct fault *f);

int header_verify_key(const char *device, const struct volume_header *header,
		      const struct secret *key, struct fault *f);

int header_set_state(const char *device, int claim, const char *volume_id, const char *state,
		     const char *reason, struct fault *f);

int header_erase(const char *device, int claim, const char *volume_id, struct fault *f);

int header_erase_unfinished(const char *device, int claim, const char *volume_id, struct fault *f);

#endif
