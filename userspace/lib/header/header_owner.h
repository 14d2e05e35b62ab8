/* SPDX-License-Identifier: MIT */
/*
 * Writes the owner of a volume to its header.
 *
 * Must never overwrite the stamp of another host that the caller has not seen.
 */
#ifndef ENVELOPE_HEADER_OWNER_H
#define ENVELOPE_HEADER_OWNER_H

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

int header_set_owner(const char *device, const char *volume_id, const struct volume_owner *expected,
		     const struct volume_owner *owner, struct fault *f);

#endif
