// SPDX-License-Identifier: MIT
/*
 * Typed reads of json-c objects.
 *
 * Must never accept more than one JSON text, nor nesting that could exhaust the stack.
 */

#include "lib/base/json.h"

#include <limits.h>
#include <string.h>

#include "lib/base/json_text.h"
#include "lib/base/utf8.h"

#define JSON_DEPTH_MAX 32

void json_freep(struct json_object **o)
{
	json_object_put(*o);
}

static struct json_object *member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *value = json_get(o, key);

	return json_object_is_type(value, type) ? value : NULL;
}

/** json_has() - true when @o is an object with a member @key that is not null */
bool json_has(struct json_object *o, const char *key)
{
	return json_get(o, key) != NULL;
}

/** json_has_type() - true when member @key of @o is of @type */
bool json_has_type(struct json_object *o, const char *key, enum json_type type)
{
	return member(o, key, type) != NULL;
}

/**
 * json_find() - look for member @key of @o
 * @value: set to the member (borrowed), which is NULL if it is JSON's null
 *
 * Return: true if @o is an object that has the member.
 */
bool json_find(struct json_object *o, const char *key, struct json_object **value)
{
	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, value);
}

/** json_get() - member @key of any type (borrowed), NULL when it is absent or null */
struct json_object *json_get(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_find(o, key, &value) ? value : NULL;
}

/** json_get_object() - member @key when it is an object (borrowed), else NULL */
struct json_object *json_get_object(struct json_object *o, const char *key)
{
	return member(o, key, json_type_object);
}

/** json_get_string() - member @key when it is a string (borrowed from @o), else NULL */
const char *json_get_string(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

/**
 * json_copy_string() - copy member @key into @field of @size bytes
 *
 * Return: 0, or -1 when the member is no string or does not fit.
 */
int json_copy_string(struct json_object *o, const char *key, char *field, size_t size)
{
	const char *value = json_get_string(o, key);

	if (!value || strlen(value) >= size)
		return -1;
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

/** json_get_array() - member @key when it is an array (borrowed), else NULL */
struct json_object *json_get_array(struct json_object *o, const char *key)
{
	return member(o, key, json_type_array);
}

/** json_get_int() - member @key when it is an integer, else @fallback */
int64_t json_get_int(struct json_object *o, const char *key, int64_t fallback)
{
	struct json_object *value = member(o, key, json_type_int);

	return value ? json_object_get_int64(value) : fallback;
}

/** json_get_bool() - member @key when it is a boolean, else @fallback */
bool json_get_bool(struct json_object *o, const char *key, bool fallback)
{
	struct json_object *value = member(o, key, json_type_boolean);

	return value ? json_object_get_boolean(value) : fallback;
}

/** json_add_string() - set member @key of @o to @value; NULL sets nothing */
void json_add_string(struct json_object *o, const char *key, const char *value)
{
	if (value)
		json_object_object_add(o, key, json_object_new_string(value));
}

/** json_add_object() - set member @key of @o to @value, whose ownership passes */
void json_add_object(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add(o, key, value);
}

/** json_add_int() - set member @key of @o to @value */
void json_add_int(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

/** json_add_bool() - set member @key of @o to @value */
void json_add_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

/**
 * json_parse() - parse exactly one JSON text
 * @text: need not be terminated
 * @size: bytes
 *
 * Nesting deeper than 32 levels, trailing garbage, empty input and what RFC 8259 does not have are
 * errors. So are bytes that are not UTF-8, NUL in any form, and half of a surrogate pair: strings of the
 * result have no NUL.
 *
 * Return: a new reference for the caller, or NULL.
 */
struct json_object *json_parse(const char *text, size_t size)
{
	struct json_tokener *tokener;
	struct json_object *o = NULL;

	if (size == 0 || size > INT_MAX || memchr(text, '\0', size) || !utf8_valid(text, size) ||
	    !json_text_is_strict(text, size))
		return NULL;
	tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tokener, text, (int)size);
	/* A bare number at the end of the input is complete only once the input is known to end. */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		o = json_tokener_parse_ex(tokener, "", -1);
	if (json_tokener_get_error(tokener) != json_tokener_success) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tokener);
	return o;
}
