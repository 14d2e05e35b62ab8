/* SPDX-License-Identifier: MIT */
/*
 * A second reader of JSON, after RFC 8259 and nothing else, to compare the first one with.
 *
 * Must never call a function of the code that it is compared with.
 */
#ifndef ENVELOPE_FUZZ_STRICT_JSON_H
#define ENVELOPE_FUZZ_STRICT_JSON_H

#include <stdbool.h>
#include <stddef.h>

/** struct strict_json - what was found in a text */
struct strict_json {
	bool is_text;	/* one JSON text, and nothing behind it */
	bool is_object; /* the text is an object */
	bool is_utf8;
	bool has_nul;	      /* as a byte or escaped */
	bool has_half;	      /* half of a surrogate pair */
	bool has_twins;	      /* two members of one name in one object */
	unsigned int deepest; /* level of nesting; 1: a scalar */
};

struct strict_json strict_json_read(const char *text, size_t size);

#endif
