/* SPDX-License-Identifier: MIT */
/*
 * Writes the owner of a volume to its header.
 *
 * Must never overwrite the stamp of another host that the caller has not seen.
 */
#ifndef ENVELOPE_HEADER_OWNER_H
#define ENVELOPE_HEADER_OWNER_H

#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/header/luks.h"
#include "lib/header/volume_header.h"

struct volume_owner header_owner_unknown(uint32_t claim);

int header_replace_owner(struct luks *luks, const struct volume_owner *owner, struct fault *f);

int header_set_owner(const char *device, int claim, const char *volume_id,
		     const struct volume_owner *expected, struct volume_owner *owner,
		     struct fault *f);

#endif
