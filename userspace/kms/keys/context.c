// SPDX-License-Identifier: MIT
/*
 * Canonical encryption contexts.
 *
 * Must never depend on the order in which the client sent the pairs.
 */

#include "kms/keys/context.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"

struct pair {
	const char *name;
	const char *value;
	size_t value_size;
};

void context_free(struct context *context)
{
	free(context->bytes);
	context->bytes = NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static uint8_t *put(uint8_t *at, const char *text, size_t size)
{
	uint32_t length = htobe32((uint32_t)size);

	memcpy(at, &length, sizeof(length));
	memcpy(at + sizeof(length), text, size);
	return at + sizeof(length) + size;
}

static int collect(struct json_object *o, struct pair *pairs, size_t *bytes, struct fault *f)
{
	size_t count = 0;

	*bytes = 0;
	json_object_object_foreach(o, name, value) {
		struct pair *pair = &pairs[count++];

		if (!json_object_is_type(value, json_type_string))
			return fault_set(f, "SerializationException",
					 "Encryption context values must be strings.");
		pair->name = name;
		pair->value = json_object_get_string(value);
		pair->value_size = (size_t)json_object_get_string_len(value);
		if (*name == '\0' || memchr(pair->value, '\0', pair->value_size))
			return fault_set(f, "ValidationException",
					 "Encryption context names must not be empty, and values must not hold NUL.");
		*bytes += strlen(name) + pair->value_size;
	}
	if (*bytes > CONTEXT_MAX)
		return fault_set(f, "ValidationException",
				 "1 validation error detected: encryptionContext must have at most %d characters",
				 CONTEXT_MAX);
	return 0;
}

/**
 * context_read() - canonical form: pairs in byte order of their names, each string with its
 * length in front (32 bit, big endian)
 * @params: of the request
 * @name: "EncryptionContext"; absent and empty are the same
 * @f: SerializationException, ValidationException
 *
 * Return: 0 or -1.
 */
int context_read(struct json_object *params, const char *name, struct context *context,
		 struct fault *f)
{
	struct json_object *o = json_get_object(params, name);
	size_t count, bytes, i;
	struct pair *pairs;
	uint8_t *at;

	*context = (struct context){ 0 };
	if (!o)
		return json_has(params, name) ? fault_set(f, "SerializationException",
							  "%s must be an object.", name)
					      : 0;
	count = (size_t)json_object_object_length(o);
	if (count == 0)
		return 0;
	pairs = calloc(count, sizeof(*pairs));
	if (!pairs)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	if (collect(o, pairs, &bytes, f))
		goto err_free;
	qsort(pairs, count, sizeof(*pairs), by_name);
	context->size = bytes + count * 2 * sizeof(uint32_t);
	context->bytes = at = malloc(context->size);
	if (!at) {
		fault_set(f, "KMSInternalException", "Out of memory. Try again.");
		goto err_free;
	}
	for (i = 0; i < count; i++) {
		at = put(at, pairs[i].name, strlen(pairs[i].name));
		at = put(at, pairs[i].value, pairs[i].value_size);
	}
	free(pairs);
	return 0;

err_free:
	free(pairs);
	return -1;
}
