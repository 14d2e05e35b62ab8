/* SPDX-License-Identifier: MIT */
/*
 * The key materials of a key: the first one, which is made with the key and sealed with its record, and
 * one more for each rotation, with a row of its own. The record of the key lists those of rotations:
 * a JSON array of {"Id", "Tag", "Date", "Type"}, the oldest first. "Tag" is the tag of the row's seal,
 * so the record tells the row of a material from each other one.
 *
 * The material with the highest number encrypts. Each one decrypts what it has encrypted.
 */
#ifndef ENVELOPE_KMS_MATERIALS_H
#define ENVELOPE_KMS_MATERIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>
#include <systemd/sd-id128.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

#define MATERIAL_ID_CHARS    64
#define MATERIAL_NUMBER_MOST UINT16_MAX /* a ciphertext blob has 16 bits for it */
#define MATERIALS_ON_DEMAND  25		/* rotations on demand of one key, as AWS */

enum rotation_type {
	ROTATION_AUTOMATIC,
	ROTATION_ON_DEMAND,
};

struct material { /* of a rotation; never the bytes */
	char id[MATERIAL_ID_CHARS + 1];
	sd_id128_t tag; /* of the seal of its row */
	int64_t date;	/* seconds since the epoch, for people */
	enum rotation_type type;
};

const char *rotation_type_name(enum rotation_type type);

int material_id(const char *key_id, const struct secret *bytes, char id[MATERIAL_ID_CHARS + 1],
		struct fault *f);

bool materials_valid(struct json_object *materials);

size_t materials_count(struct json_object *materials);

size_t materials_on_demand(struct json_object *materials);

int materials_get(struct json_object *materials, size_t number, struct material *material);

void materials_add(struct json_object **materials, const struct material *material);

#endif
