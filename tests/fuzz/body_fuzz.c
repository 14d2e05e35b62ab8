// SPDX-License-Identifier: MIT
/* sources: ../tests/fuzz/strict_json.c */
/*
 * The body of a request: one JSON object. What is accepted is what RFC 8259 calls a JSON text, has one
 * meaning in each reader, and is the same when it is written and read again. What is in order is
 * accepted.
 */
#include "fuzz.h"

#include <string.h>

#include "lib/base/json.h"
#include "strict_json.h"

#define DEEPEST 31 /* that json_parse() takes for sure */
#define PLAIN	(JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void look_at_string(const char *text, size_t size)
{
	struct strict_json seen = strict_json_read(text, size);

	fuzz_holds(strlen(text) == size, "no string is cut at NUL");
	fuzz_holds(seen.is_utf8, "each string is UTF-8");
}

static void look_at_strings(struct json_object *o)
{
	if (json_object_is_type(o, json_type_string))
		look_at_string(json_object_get_string(o), (size_t)json_object_get_string_len(o));
	if (json_object_is_type(o, json_type_array))
		for (size_t i = 0; i < json_object_array_length(o); i++)
			look_at_strings(json_object_array_get_idx(o, i));
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, member) {
			look_at_string(name, strlen(name));
			look_at_strings(member);
		}
	}
}

static void read_again(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, PLAIN);
	struct strict_json seen = strict_json_read(text, strlen(text));
	_cleanup_json_ struct json_object *again = json_parse(text, strlen(text));

	fuzz_holds(seen.is_text && seen.is_utf8, "what is written is JSON");
	fuzz_holds(again && json_object_equal(o, again), "what is written is read as the same");
	if (again)
		fuzz_holds(!strcmp(json_object_to_json_string_ext(again, PLAIN), text),
			   "the same is written again");
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	const char *text = (const char *)bytes;
	struct strict_json seen = strict_json_read(text, size);
	bool in_order = seen.is_text && seen.is_utf8 && !seen.has_nul && !seen.has_half;
	_cleanup_json_ struct json_object *o = json_parse(text, size);

	if (!o) {
		/* null is NULL in json-c, and so are texts that are refused */
		fuzz_holds(!in_order || !seen.is_object || seen.deepest > DEEPEST,
			   "an object that is in order is accepted");
		return false;
	}
	fuzz_holds(seen.is_text, "what is accepted is one JSON text");
	fuzz_holds(seen.is_utf8, "what is accepted is UTF-8");
	fuzz_holds(!seen.has_nul, "what is accepted has no NUL");
	fuzz_holds(!seen.has_half, "what is accepted has no half of a pair");
	fuzz_holds(seen.is_object == json_object_is_type(o, json_type_object),
		   "both see an object");
	look_at_strings(o);
	read_again(o);
	return json_object_is_type(o, json_type_object);
}
