// SPDX-License-Identifier: MIT
/* sources: ../tests/fuzz/strict_json.c */
/*
 * A form of the Query protocol. A second reader takes the body apart, pair by pair: a form that is
 * accepted has just the names and values that this one finds, each name once, without NUL and in UTF-8.
 * A form that is in order is accepted, and what its values are in an answer is XML that says them again.
 */
#include "fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "lib/base/json.h"
#include "lib/http/query.h"
#include "strict_json.h"

struct text { /* malloc'd, of one name or value */
	char *bytes;
	size_t size;
	bool in_order;
};

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* strict_json_read() knows what UTF-8 is: it reads the bytes as a string. */
static bool is_utf8(const char *bytes, size_t size)
{
	char *quoted = malloc(size + 2);
	bool good;

	if (!quoted)
		abort();
	quoted[0] = '"';
	for (size_t i = 0; i < size; i++)
		quoted[i + 1] = (unsigned char)bytes[i] < 0x80 ? 'x' : bytes[i];
	quoted[size + 1] = '"';
	good = strict_json_read(quoted, size + 2).is_utf8;
	free(quoted);
	return good;
}

static struct text take(const char *at, size_t size)
{
	struct text text = { malloc(size + 1), 0, true };

	if (!text.bytes)
		abort();
	for (size_t i = 0; i < size; i++) {
		char c = at[i] == '+' ? ' ' : at[i];

		if (c == '%' && i + 2 < size && isxdigit((unsigned char)at[i + 1]) &&
		    isxdigit((unsigned char)at[i + 2])) {
			c = (char)(16 * digit(at[i + 1]) + digit(at[i + 2]));
			i += 2;
		} else if (c == '%') {
			text.in_order = false;
		}
		text.bytes[text.size++] = c;
	}
	text.bytes[text.size] = '\0';
	text.in_order = text.in_order && !memchr(text.bytes, '\0', text.size) &&
			is_utf8(text.bytes, text.size);
	return text;
}

/* Looks at one pair. Return: whether it is in order, and its name is not in @seen */
static bool look_at_pair(const char *at, size_t size, struct json_object *params,
			 struct json_object *seen, bool accepted)
{
	const char *equals = memchr(at, '=', size);
	struct text name = take(at, equals ? (size_t)(equals - at) : size);
	struct text value = take(equals ? equals + 1 : at,
				 equals ? size - (size_t)(equals - at) - 1 : 0);
	bool good = name.in_order && value.in_order && name.size && !json_has(seen, name.bytes);

	if (accepted) {
		const char *read = good ? json_get_string(params, name.bytes) : NULL;

		fuzz_holds(good, "what is accepted is in order");
		fuzz_holds(read && !strcmp(read, value.bytes), "both read the same value");
	}
	if (good)
		json_add_string(seen, name.bytes, value.bytes);
	free(name.bytes);
	free(value.bytes);
	return good;
}

static bool has_what_xml_lacks(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ') || !strncmp(text, "\xef\xbf\xbe", 3) ||
		    !strncmp(text, "\xef\xbf\xbf", 3))
			return true;
	return false;
}

/* An answer that has the values. */
static void answer(struct json_object *params)
{
	const struct query_answer answer = { "https://iam.amazonaws.com/", "GetUser", "id" };

	json_object_object_foreach(params, name, value) {
		const char *text = json_object_get_string(value);
		char *xml = query_fault(&answer, "Code", text, false);
		xmlDoc *document;
		xmlNode *at;

		(void)name;
		if (!xml)
			abort();
		document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
					 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_HUGE);
		fuzz_holds(document != NULL, "an answer is XML");
		at = document ? xmlDocGetRootElement(document) : NULL;
		at = at ? xmlFirstElementChild(at) : NULL;
		at = at ? xmlLastElementChild(at) : NULL;
		if (at && !has_what_xml_lacks(text)) {
			xmlChar *again = xmlNodeGetContent(at);

			fuzz_holds(again && !strcmp((char *)again, text),
				   "an answer says a value as it is");
			xmlFree(again);
		}
		xmlFreeDoc(document);
		free(xml);
	}
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	const struct http_request request = { .body = bytes, .body_size = size };
	const char *at = (const char *)bytes, *end = at + size;
	_cleanup_json_ struct json_object *params = NULL, *seen = json_object_new_object();
	struct fault f = { 0 };
	bool accepted = !query_read(&request, &params, &f), in_order = true;

	fuzz_holds(accepted || (*f.code && *f.message), "a refusal has a fault");
	while (at < end) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		size_t length = (size_t)((next ? next : end) - at);

		if (length > 0)
			in_order = look_at_pair(at, length, params, seen, accepted) && in_order;
		at += length + 1;
	}
	fuzz_holds(accepted == in_order, "a form that is in order is accepted, and no other one");
	if (accepted) {
		fuzz_holds(json_object_object_length(params) == json_object_object_length(seen),
			   "both read the same names");
		answer(params);
	}
	return accepted;
}
