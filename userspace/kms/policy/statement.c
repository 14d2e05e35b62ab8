// SPDX-License-Identifier: MIT
/*
 * Values and places of a statement's elements.
 *
 * Must never quote the document in a fault, except names of elements.
 */

#include "kms/policy/statement.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/** policy_malformed() - refuse the document because of @what at @place; Return: -1 */
int policy_malformed(const struct place *place, struct fault *f, const char *what)
{
	if (place->statement)
		return fault_set(f, "MalformedPolicyDocumentException", "Statement %zu, %.64s: %s",
				 place->statement, place->element, what);
	return fault_set(f, "MalformedPolicyDocumentException", "%.64s: %s", place->element, what);
}

/* One value as text: numbers and booleans of a condition may stand without quotes. */
static const char *value_text(struct json_object *value, bool scalars)
{
	enum json_type type = json_object_get_type(value);
	int64_t number;

	if (type == json_type_string)
		return json_object_get_string(value);
	if (!scalars)
		return NULL;
	if (type == json_type_boolean || type == json_type_double)
		return json_object_get_string(value);
	/* json-c reads a number beyond its range as the end of the range. */
	number = type == json_type_int ? json_object_get_int64(value) : INT64_MAX;
	return number == INT64_MAX || number == INT64_MIN ? NULL : json_object_get_string(value);
}

/**
 * policy_texts() - read a string or a list of at least one
 * @place: of the element; of a condition's operator, if values may be numbers and booleans
 * @texts: filled; free its list
 *
 * Return: 0 or -1.
 */
int policy_texts(struct json_object *value, const struct place *place, struct texts *texts,
		 struct fault *f)
{
	bool is_list = json_object_is_type(value, json_type_array);
	bool scalars = !strcmp(place->element, "Condition");
	size_t count = is_list ? json_object_array_length(value) : 1;

	if (count == 0)
		return policy_malformed(place, f, "The list is empty.");
	texts->list = calloc(count, sizeof(*texts->list));
	if (!texts->list)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	texts->count = count;
	for (size_t i = 0; i < count; i++) {
		struct json_object *one = is_list ? json_object_array_get_idx(value, i) : value;

		texts->list[i] = value_text(one, scalars);
		if (!texts->list[i])
			return policy_malformed(place, f,
						"A value must be a string or a list of strings.");
		if (strstr(texts->list[i], "${"))
			return policy_malformed(place, f,
						"Policy variables (${...}) are not supported by this KMS.");
	}
	return 0;
}
