/* SPDX-License-Identifier: MIT */
/*
 * The tags of a key: a JSON array of {"TagKey", "TagValue"}, ordered by key, each key once.
 *
 * They are for people and bills. No decision reads them: a policy with aws:ResourceTag is refused.
 */
#ifndef ENVELOPE_KMS_TAGS_H
#define ENVELOPE_KMS_TAGS_H

#include <stdbool.h>

#include <json-c/json.h>

#include "lib/base/fault.h"

#define TAGS_MAX	50
#define TAG_KEY_MAX	128 /* characters */
#define TAG_VALUE_MAX	256 /* characters */
#define TAG_KEY_FIELD	"TagKey"
#define TAG_VALUE_FIELD "TagValue"

bool tags_valid(struct json_object *tags);

int tags_add(struct json_object **tags, struct json_object *more, struct fault *f);

int tags_remove(struct json_object **tags, struct json_object *keys, struct fault *f);

#endif
