/* SPDX-License-Identifier: MIT */
/* Gives a volume that was made from a snapshot a header of its own. */
#ifndef ENVELOPE_HEADER_RESTORE_H
#define ENVELOPE_HEADER_RESTORE_H

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

int header_restore_identity(const char *device, int claim, const struct volume_header *from,
			    const struct volume_identity *id, struct volume_header *out,
			    struct fault *f);

#endif
