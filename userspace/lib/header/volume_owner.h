/* SPDX-License-Identifier: MIT */
/*
 * The host that a volume belongs to: a token of the header, for disks that several hosts can reach. The
 * header's hash does not cover it.
 */
#ifndef ENVELOPE_VOLUME_OWNER_H
#define ENVELOPE_VOLUME_OWNER_H

#include <json-c/json.h>
#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

#define VOLUME_OWNER_UNKNOWN  "00000000000000000000000000000000" /* no host has this id */
#define VOLUME_OWNER_TEXT_MAX 128

const char *volume_owner_parse(struct json_object *token, struct volume_owner *owner);

bool volume_owner_is_other(const struct volume_owner *owner, const char *host);

bool volume_owner_is_unknown(const struct volume_owner *owner);

const char *volume_owner_text(const struct volume_owner *owner, char text[VOLUME_OWNER_TEXT_MAX]);

bool volume_owner_same(const struct volume_owner *a, const struct volume_owner *b);

bool volume_owner_is_older(const struct volume_owner *seen, const struct volume_owner *known);

#endif
