// SPDX-License-Identifier: MIT
/*
 * The list of a key's materials.
 *
 * Must never hold the bytes of a material: the list is part of a record in clear.
 */
#include "kms/keys/materials.h"

#include <stdlib.h>
#include <string.h>

#include "kms/keys/crypto.h"
#include "lib/base/hex.h"
#include "lib/base/json.h"

#define PURPOSE "dm-envelope kms key material id"

static const char *const type_names[] = {
	[ROTATION_AUTOMATIC] = "AUTOMATIC",
	[ROTATION_ON_DEMAND] = "ON_DEMAND",
};

/** rotation_type_name() - "AUTOMATIC", "ON_DEMAND" */
const char *rotation_type_name(enum rotation_type type)
{
	return type_names[type];
}

/**
 * material_id() - AWS's KeyMaterialId, which is derived from the bytes and does not give them away
 * @key_id: of the key
 * @bytes: of the material
 *
 * Return: 0 or -1.
 */
int material_id(const char *key_id, const struct secret *bytes, char id[MATERIAL_ID_CHARS + 1],
		struct fault *f)
{
	struct crypto_bytes salt = { (const uint8_t *)key_id, strlen(key_id) };
	_cleanup_secret_ struct secret *derived = crypto_derive(bytes, salt, PURPOSE);
	char *hex = derived ? hex_encode(derived->bytes, derived->size) : NULL;

	_Static_assert(2 * CRYPTO_KEY_BYTES == MATERIAL_ID_CHARS, "a derived key is an id");
	if (!hex)
		return fault_set(f, "KMSInternalException",
				 "The id of a key material cannot be made. Raise LimitMEMLOCK, and try again.");
	memcpy(id, hex, MATERIAL_ID_CHARS + 1);
	free(hex);
	return 0;
}

static int read_type(const char *name, enum rotation_type *type)
{
	for (size_t i = 0; name && i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (!strcmp(type_names[i], name)) {
			*type = (enum rotation_type)i;
			return 0;
		}
	}
	return -1;
}

static int read_entry(struct json_object *entry, struct material *material)
{
	const char *tag = json_get_string(entry, "Tag");

	if (!tag || sd_id128_from_string(tag, &material->tag) < 0 ||
	    json_copy_string(entry, "Id", material->id, sizeof(material->id)) ||
	    read_type(json_get_string(entry, "Type"), &material->type))
		return -1;
	material->date = json_get_int(entry, "Date", 0);
	return 0;
}

/** materials_count() - how many rotations had the key? The number of its current material */
size_t materials_count(struct json_object *materials)
{
	return materials ? json_object_array_length(materials) : 0;
}

/** materials_valid() - is it a list that materials_add() made? */
bool materials_valid(struct json_object *materials)
{
	struct material material;

	if (!json_object_is_type(materials, json_type_array) ||
	    materials_count(materials) > MATERIAL_NUMBER_MOST)
		return false;
	for (size_t i = 1; i <= materials_count(materials); i++)
		if (materials_get(materials, i, &material))
			return false;
	return true;
}

/** materials_on_demand() - how many rotations were on demand? */
size_t materials_on_demand(struct json_object *materials)
{
	struct material material;
	size_t count = 0;

	for (size_t i = 1; i <= materials_count(materials); i++)
		count += !materials_get(materials, i, &material) &&
			 material.type == ROTATION_ON_DEMAND;
	return count;
}

/** materials_get() - the material of rotation @number, from 1; Return: 0, or -1 for no such rotation */
int materials_get(struct json_object *materials, size_t number, struct material *material)
{
	if (number < 1 || number > materials_count(materials))
		return -1;
	return read_entry(json_object_array_get_idx(materials, number - 1), material);
}

/** materials_add() - append @material; *@materials may be NULL */
void materials_add(struct json_object **materials, const struct material *material)
{
	struct json_object *entry = json_object_new_object();
	char tag[SD_ID128_STRING_MAX];

	json_add_string(entry, "Id", material->id);
	json_add_string(entry, "Tag", sd_id128_to_string(material->tag, tag));
	json_add_int(entry, "Date", material->date);
	json_add_string(entry, "Type", type_names[material->type]);
	if (!*materials)
		*materials = json_object_new_array();
	json_object_array_add(*materials, entry);
}
