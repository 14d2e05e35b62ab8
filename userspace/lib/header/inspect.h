/* SPDX-License-Identifier: MIT */
/*
 * Loads a header once, and checks and hashes the copy that is in memory.
 *
 * Must never read the device a second time: the copy that was checked is the copy that is used.
 */
#ifndef ENVELOPE_INSPECT_H
#define ENVELOPE_INSPECT_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/header/luks.h"
#include "lib/header/volume_header.h"

int header_inspect(struct luks *luks, struct volume_header *out, struct fault *f);

int header_load_volume(struct luks *luks, const char *device, int claim, const char *volume_id,
		       struct fault *f);

int header_measure(const char *device, int claim, struct volume_header *header, struct fault *f);

struct json_object *header_token(const struct volume_header *header);

bool header_find_volume(const char *device, int claim, char volume_id[22]);

#endif
