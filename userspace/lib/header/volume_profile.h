/* SPDX-License-Identifier: MIT */
/*
 * The strict profile of LUKS2 that a volume header must follow (docs/format.md).
 *
 * Must never accept what it does not know: a field that is let through without being understood
 * is a field that the header's hash does not protect.
 */
#ifndef ENVELOPE_VOLUME_PROFILE_H
#define ENVELOPE_VOLUME_PROFILE_H

#include <json-c/json.h>

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

/**
 * volume_profile_check() - LUKS2 metadata to struct volume_header
 * @metadata: the parsed JSON area
 * @uuid: of the binary header
 * @subsystem: of the binary header
 * @out: filled except for @data_sectors and @header_sha256; undefined when refused
 * @f: InvalidVolumeHeader, the message starts with the name of the offending field
 *
 * A header whose token holds no wrapped key passes, with @out->wrapped_key_size 0.
 *
 * Return: 0 or -1.
 */
int volume_profile_check(struct json_object *metadata, const char *uuid, const char *subsystem,
			 struct volume_header *out, struct fault *f);

/**
 * volume_identity_check() - may these values be written into a token?
 * @f: InvalidParameterValue
 *
 * Return: 0 or -1.
 */
int volume_identity_check(const struct volume_identity *id, struct fault *f);

#endif
