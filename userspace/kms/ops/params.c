// SPDX-License-Identifier: MIT
/*
 * Request parameters.
 *
 * Must never let a parameter of the wrong type pass for an absent one.
 */

#include "kms/ops/params.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"
#include "lib/base/json.h"
#include "lib/base/utf8.h"

static int wrong_type(const char *name, const char *type, struct fault *f)
{
	return fault_set(f, "SerializationException", "%s must be a %s.", name, type);
}

/** param_invalid() - ValidationException for the parameter @name; Return: -1 */
int param_invalid(struct fault *f, const char *name, const char *constraint)
{
	return fault_set(f, "ValidationException",
			 "1 validation error detected: Value at '%s' failed to satisfy constraint: %s",
			 name, constraint);
}

static int check_length(const char *name, const char *text, size_t least, size_t most,
			struct fault *f)
{
	size_t length = utf8_length(text);

	if (length < least)
		return param_invalid(f, name, "Member must have length greater than or equal to 1");
	if (length > most)
		return fault_set(f, "ValidationException",
				 "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %zu",
				 name, most);
	return 0;
}

/**
 * param_free_text() - optional string that may be empty
 * @max: characters
 * @text: set to it (borrowed), or NULL when absent
 * @f: SerializationException, ValidationException
 *
 * Return: 0 or -1.
 */
int param_free_text(struct json_object *params, const char *name, size_t max, const char **text,
		    struct fault *f)
{
	*text = json_get_string(params, name);
	if (!*text)
		return json_has(params, name) ? wrong_type(name, "string", f) : 0;
	return check_length(name, *text, 0, max, f);
}

/** param_text() - as param_free_text(), of a string that is not empty when it is there */
int param_text(struct json_object *params, const char *name, size_t max, const char **text,
	       struct fault *f)
{
	if (param_free_text(params, name, max, text, f))
		return -1;
	return *text ? check_length(name, *text, 1, max, f) : 0;
}

/** param_need_text() - as param_text(), of a required string */
int param_need_text(struct json_object *params, const char *name, size_t max, const char **text,
		    struct fault *f)
{
	if (param_text(params, name, max, text, f))
		return -1;
	if (!*text)
		return param_invalid(f, name, "Member must not be null");
	return 0;
}

/** param_choice() - optional value of an enum; Return: 0 or -1 */
int param_choice(struct json_object *params, const char *name, const struct choice *choice,
		 struct fault *f)
{
	const char *const *other = choice->others;
	const char *text;

	if (param_text(params, name, SIZE_MAX, &text, f))
		return -1;
	if (!text || !strcmp(text, choice->served))
		return 0;
	while (*other && strcmp(*other, text))
		other++;
	if (!*other)
		return fault_set(f, "ValidationException",
				 "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
				 name, choice->served);
	return fault_set(f, choice->code, "%s %s is not supported. This KMS has %s only.", name,
			 text, choice->served);
}

/** param_number() - optional integer from @least to @most, else @fallback; Return: 0 or -1 */
int param_number(struct json_object *params, const char *name, int64_t least, int64_t most,
		 int64_t fallback, int64_t *number, struct fault *f)
{
	*number = fallback;
	if (!json_has(params, name))
		return 0;
	if (!json_has_type(params, name, json_type_int))
		return wrong_type(name, "number", f);
	*number = json_get_int(params, name, fallback);
	if (*number < least || *number > most)
		return fault_set(f, "ValidationException",
				 "1 validation error detected: Value '%" PRId64
				 "' at '%s' failed to satisfy constraint: Member must be between %" PRId64
				 " and %" PRId64,
				 *number, name, least, most);
	return 0;
}

/** param_flag() - optional boolean, false when absent; Return: 0 or -1 */
int param_flag(struct json_object *params, const char *name, bool *flag, struct fault *f)
{
	*flag = json_get_bool(params, name, false);
	if (json_has(params, name) && !json_has_type(params, name, json_type_boolean))
		return wrong_type(name, "boolean", f);
	return 0;
}

/** param_blob() - required base64 of 1 to @max bytes in malloc'd @bytes; Return: 0 or -1 */
int param_blob(struct json_object *params, const char *name, size_t max, uint8_t **bytes,
	       size_t *size, struct fault *f)
{
	const char *text;

	if (param_text(params, name, SIZE_MAX, &text, f))
		return -1;
	if (!text)
		return param_invalid(f, name, "Member must not be null");
	if (base64_decode(text, bytes, size))
		return wrong_type(name, "base64 string", f);
	if (*size >= 1 && *size <= max)
		return 0;
	free(*bytes);
	*bytes = NULL;
	return fault_set(f, "ValidationException",
			 "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length between 1 and %zu",
			 name, max);
}

/** param_secret() - as param_blob(), into locked memory */
int param_secret(struct json_object *params, const char *name, size_t max, struct secret **secret,
		 struct fault *f)
{
	uint8_t *bytes;
	size_t size;

	if (param_blob(params, name, max, &bytes, &size, f))
		return -1;
	*secret = secret_new(size);
	if (*secret)
		memcpy((*secret)->bytes, bytes, size);
	explicit_bzero(bytes, size);
	free(bytes);
	if (!*secret)
		return fault_set(f, "KMSInternalException",
				 "Memory cannot be locked. Raise LimitMEMLOCK.");
	return 0;
}

/**
 * param_texts() - optional list of strings, NULL when absent
 * @most: strings
 * @chars: of a string, which is not empty
 *
 * Return: 0 or -1.
 */
int param_texts(struct json_object *params, const char *name, size_t most, size_t chars,
		struct json_object **list, struct fault *f)
{
	size_t count;

	*list = json_get(params, name);
	if (!*list)
		return 0;
	if (!json_object_is_type(*list, json_type_array))
		return wrong_type(name, "list", f);
	count = json_object_array_length(*list);
	for (size_t i = 0; i < count; i++)
		if (!json_object_is_type(json_object_array_get_idx(*list, i), json_type_string))
			return fault_set(f, "SerializationException",
					 "A member of %s must be a string.", name);
	if (count > most)
		return fault_set(f, "ValidationException",
				 "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %zu",
				 name, most);
	for (size_t i = 0; i < count; i++)
		if (check_length(name, json_object_get_string(json_object_array_get_idx(*list, i)),
				 1, chars, f))
			return -1;
	return 0;
}

/** param_refuse() - refuse a parameter that this KMS lacks; Return: 0 when absent, else -1 */
int param_refuse(struct json_object *params, const char *name, struct fault *f)
{
	if (!json_has(params, name))
		return 0;
	return fault_set(f, "UnsupportedOperationException",
			 "%s is not supported by this KMS. Leave it out.", name);
}
