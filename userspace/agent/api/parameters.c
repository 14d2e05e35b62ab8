// SPDX-License-Identifier: MIT
/*
 * Checks all parameters of a call before any of them is used. A misspelt name is an error: otherwise
 * the request that it stands for would silently not happen.
 */
#include "agent/api/parameters.h"

#include <string.h>

#include "lib/base/json.h"

static const json_type types[] = {
	[PARAMETER_STRING] = json_type_string,
	[PARAMETER_BOOL] = json_type_boolean,
	[PARAMETER_INT] = json_type_int,
};

/**
 * parameters_check() - check names, types and required parameters
 * @params: an object
 * @table: the parameters that the method takes, @count entries
 *
 * Return: NULL, or the name of the first parameter that is unknown, missing or of a
 * wrong type; borrowed from @params or @table.
 */
const char *parameters_check(json_object *params, const struct parameter *table, size_t count)
{
	json_object_object_foreach(params, name, value) {
		const struct parameter *p = table;

		while (p < table + count && strcmp(p->name, name))
			p++;
		if (p == table + count)
			return name;
		if (value && !json_object_is_type(value, types[p->kind]))
			return name;
		/* C would cut a string with a NUL inside, and read another than the client sent. */
		if (value && p->kind == PARAMETER_STRING &&
		    strlen(json_object_get_string(value)) !=
			    (size_t)json_object_get_string_len(value))
			return name;
	}
	for (size_t i = 0; i < count; i++)
		if (table[i].required && !json_has(params, table[i].name))
			return table[i].name;
	return NULL;
}

/**
 * parameters_line() - is a parameter one line of text, which is shown to people?
 * @text: NULL for none
 * @most: bytes
 *
 * Return: 0 or -1.
 */
int parameters_line(const char *name, const char *text, size_t most, struct fault *f)
{
	bool plain = true;

	for (const char *c = text; c && *c; c++)
		plain = plain && (unsigned char)*c >= ' ' && *c != '\x7f';
	if (!text || (plain && strlen(text) <= most))
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "%s is not valid. Give one line of at most %zu bytes.", name, most);
}
