// SPDX-License-Identifier: MIT
/*
 * The strict reader of requests. What it accepts has one meaning: a second reader, which looks at whole
 * lines, finds the same bodies, and nothing that is refused.
 */
#include "fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/http/head.h"

static bool takes(const uint8_t *bytes, size_t size, size_t part, struct head *head)
{
	bool taken = true;

	*head = (struct head){ 0 };
	for (size_t at = 0; at < size; at += part)
		taken = head_take(head, bytes + at, size - at < part ? size - at : part);
	return taken;
}

struct lines { /* of one head */
	size_t lengths;
	size_t hosts;
	uint64_t length;
};

static bool is_named(const char *line, size_t name, const char *wanted)
{
	return name == strlen(wanted) && !strncasecmp(line, wanted, name);
}

static uint64_t number(const char *text, size_t size)
{
	char digits[32];

	while (size && *text == ' ') {
		text++;
		size--;
	}
	fuzz_holds(size > 0 && size < sizeof(digits), "a Content-Length is a short number");
	if (size >= sizeof(digits))
		return 0;
	memcpy(digits, text, size);
	digits[size] = '\0';
	fuzz_holds(strspn(digits, "0123456789") == size, "a Content-Length has digits alone");
	return strtoull(digits, NULL, 10);
}

static void look_at_header(const char *line, size_t size, struct lines *lines)
{
	const char *colon = memchr(line, ':', size);
	size_t name = colon ? (size_t)(colon - line) : 0;

	fuzz_holds(name > 0, "a header has a name and a colon");
	for (size_t i = 0; i < name; i++)
		fuzz_holds(line[i] > ' ' && line[i] < 0x7f, "a name has no white space");
	fuzz_holds(!is_named(line, name, "transfer-encoding"), "there is no Transfer-Encoding");
	if (is_named(line, name, "host"))
		lines->hosts++;
	if (is_named(line, name, "content-length")) {
		lines->lengths++;
		lines->length = number(colon + 1, size - name - 1);
	}
}

static void look_at_request_line(const char *line, size_t size)
{
	const char *first = memchr(line, ' ', size), *last = memrchr(line, ' ', size);
	static const char version[] = " HTTP/1.1";

	fuzz_holds(first > line && last > first + 1 &&
			   !memchr(first + 1, ' ', (size_t)(last - first) - 1),
		   "a request line has a method, a target and a version");
	fuzz_holds((size_t)(line + size - last) == sizeof(version) - 1 &&
			   !memcmp(last, version, sizeof(version) - 1),
		   "the version is HTTP/1.1");
}

/* Control characters, and a line feed without its carriage return, are nowhere in a head. */
static void look_at_bytes(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		fuzz_holds(text[i] != '\0', "a head has no NUL");
		if (text[i] == '\n')
			fuzz_holds(i > 0 && text[i - 1] == '\r',
				   "a line feed has its carriage return");
		else if (i > 0 && text[i - 1] == '\r')
			fuzz_holds(false, "a carriage return has its line feed");
		else
			fuzz_holds(!iscntrl((unsigned char)text[i]) || strchr("\t\r", text[i]),
				   "a head has no control character");
	}
}

/* The whole lines of a head, or of the beginning of one. */
static void look_at_lines(const char *text, size_t size, struct lines *lines)
{
	const char *end = text + size, *at = text, *feed;

	look_at_bytes(text, size);
	while ((feed = memmem(at, (size_t)(end - at), "\r\n", 2)) && feed > at) {
		if (at == text)
			look_at_request_line(at, (size_t)(feed - at));
		else
			look_at_header(at, (size_t)(feed - at), lines);
		at = feed + 2;
	}
	fuzz_holds(feed != text, "a request has a request line");
	fuzz_holds(lines->lengths <= 1, "there is one Content-Length");
	fuzz_holds(lines->hosts <= 1, "there is one Host");
}

/* Reads the requests one after the other, and compares where the last one ends. */
static void look(const char *text, size_t size, const struct head *head)
{
	static const struct head begin;

	while (size) {
		const char *empty = memmem(text, size, "\r\n\r\n", 4);
		size_t in_head = empty ? (size_t)(empty + 4 - text) : size;
		struct lines lines = { 0 };

		look_at_lines(text, in_head, &lines);
		if (!empty)
			return;
		text += in_head;
		size -= in_head;
		if (lines.length > size) {
			fuzz_holds(head->left == lines.length - size,
				   "both wait for the same body");
			return;
		}
		text += lines.length;
		size -= (size_t)lines.length;
	}
	fuzz_holds(!memcmp(head, &begin, sizeof(begin)), "both wait for the next request");
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	struct head whole, parts;
	bool taken = takes(bytes, size, size ? size : 1, &whole);

	fuzz_holds(taken == takes(bytes, size, 1, &parts), "the split does not matter");
	fuzz_holds(taken == takes(bytes, size, 7, &parts), "the split does not matter");
	fuzz_holds(!whole.refused == taken, "a refusal is kept");
	if (taken)
		look((const char *)bytes, size, &whole);
	else
		fuzz_holds(!head_take(&whole, (const uint8_t *)"G", 1), "a refusal is for good");
	return taken;
}
