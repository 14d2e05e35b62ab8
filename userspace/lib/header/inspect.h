/* SPDX-License-Identifier: MIT */
/*
 * Checks and hashes the one copy of a header that is in memory.
 *
 * Must never read the device: the copy that was checked is the copy that is used.
 */
#ifndef ENVELOPE_INSPECT_H
#define ENVELOPE_INSPECT_H

#include "lib/base/fault.h"
#include "lib/header/luks.h"
#include "lib/header/volume_header.h"

int header_inspect(struct luks *luks, struct volume_header *out, struct fault *f);

#endif
