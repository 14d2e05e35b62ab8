/* SPDX-License-Identifier: MIT */
/*
 * The strict profile of LUKS2 that a volume header must follow (docs/format.md).
 *
 * Must never accept an unknown field: the header's hash would not protect it.
 */
#ifndef ENVELOPE_VOLUME_PROFILE_H
#define ENVELOPE_VOLUME_PROFILE_H

#include <json-c/json.h>

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

int volume_profile_check(struct json_object *metadata, const char *uuid, const char *subsystem,
			 struct volume_header *out, struct fault *f);

int volume_identity_check(const struct volume_identity *id, struct fault *f);

#endif
