// SPDX-License-Identifier: MIT
/* See strict_json.h. */
#include "strict_json.h"

#include <ctype.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 200

struct reader {
	const char *at, *end;
	struct strict_json *seen;
};

static bool value(struct reader *r, unsigned int level);

static void space(struct reader *r)
{
	while (r->at < r->end && memchr(" \t\r\n", *r->at, 4))
		r->at++;
}

static bool takes(struct reader *r, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
		return false;
	r->at += size;
	return true;
}

static bool digits(struct reader *r)
{
	const char *first = r->at;

	while (r->at < r->end && isdigit((unsigned char)*r->at))
		r->at++;
	return r->at > first;
}

static bool number(struct reader *r)
{
	takes(r, "-");
	if (!takes(r, "0") && !digits(r))
		return false;
	if (takes(r, ".") && !digits(r))
		return false;
	if (takes(r, "e") || takes(r, "E")) {
		if (!takes(r, "+"))
			takes(r, "-");
		return digits(r);
	}
	return true;
}

/* The four digits of an escaped code unit; -1 if there are others. */
static long unit(struct reader *r)
{
	char text[5] = "";

	if (r->end - r->at < 4)
		return -1;
	memcpy(text, r->at, 4);
	r->at += 4;
	return strspn(text, "0123456789abcdefABCDEF") == 4 ? strtol(text, NULL, 16) : -1;
}

static bool escape(struct reader *r, bool *high)
{
	bool was_high = *high;
	long code;

	*high = false;
	if (!takes(r, "u")) {
		if (was_high)
			r->seen->has_half = true;
		return r->at < r->end && *r->at && strchr("\"\\/bfnrt", *r->at++);
	}
	code = unit(r);
	if (code < 0)
		return false;
	if (code == 0)
		r->seen->has_nul = true;
	if ((code >= 0xdc00 && code < 0xe000) != was_high)
		r->seen->has_half = true;
	*high = code >= 0xd800 && code < 0xdc00;
	return true;
}

static bool string(struct reader *r)
{
	bool high = false; /* the first half of a pair was right before */

	if (!takes(r, "\""))
		return false;
	while (r->at < r->end) {
		unsigned char c = (unsigned char)*r->at++;

		if (c == '\\') {
			if (!escape(r, &high))
				return false;
			continue;
		}
		if (high)
			r->seen->has_half = true;
		high = false;
		if (c == '"')
			return true;
		if (c < ' ')
			return false;
	}
	return false;
}

/* The names of one object, decoded; they may have NUL. */
struct names {
	struct name {
		char *text; /* malloc'd */
		size_t size;
	} * list; /* malloc'd */
	size_t count;
};

static size_t put_utf8(char *to, unsigned long code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Takes an escape, which string() has seen, and both of a pair. */
static unsigned long decode(struct reader *r)
{
	static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *name;
	long code, low;

	if (!takes(r, "u")) {
		name = strchr(names, *r->at);
		return (unsigned char)(name ? (r->at++, bytes[name - names]) : *r->at++);
	}
	code = unit(r);
	if (code < 0xd800 || code >= 0xdc00 || !takes(r, "\\u"))
		return (unsigned long)code;
	low = unit(r);
	return 0x10000 + ((unsigned long)(code - 0xd800) << 10) + (unsigned long)(low - 0xdc00);
}

/* Keeps the string whose text, without its quotation marks, is @text. */
static void add_name(struct reader *r, struct names *names, const char *text, size_t size)
{
	struct reader in = { text, text + size, r->seen };
	struct name name = { malloc(size + 4), 0 };

	names->list = reallocarray(names->list, names->count + 1, sizeof(*names->list));
	if (!names->list || !name.text)
		abort();
	while (in.at < in.end) {
		if (!takes(&in, "\\"))
			name.text[name.size++] = *in.at++;
		else
			name.size += put_utf8(name.text + name.size, decode(&in));
	}
	for (size_t i = 0; i < names->count; i++)
		if (names->list[i].size == name.size &&
		    !memcmp(names->list[i].text, name.text, name.size))
			r->seen->has_twins = true;
	names->list[names->count++] = name;
}

static bool take_name(struct reader *r, struct names *names)
{
	const char *text;

	space(r);
	text = r->at + 1;
	if (!string(r))
		return false;
	if (!r->seen->has_half)
		add_name(r, names, text, (size_t)(r->at - 1 - text));
	space(r);
	return takes(r, ":");
}

/* Behind the bracket. @names: NULL in an array */
static bool list(struct reader *r, unsigned int level, const char *end, struct names *names)
{
	space(r);
	if (takes(r, end))
		return true;
	do {
		if ((names && !take_name(r, names)) || !value(r, level + 1))
			return false;
		space(r);
	} while (takes(r, ","));
	return takes(r, end);
}

static bool object(struct reader *r, unsigned int level)
{
	struct names names = { 0 };
	bool good = list(r, level, "}", &names);

	for (size_t i = 0; i < names.count; i++)
		free(names.list[i].text);
	free(names.list);
	return good;
}

static bool value(struct reader *r, unsigned int level)
{
	if (level > r->seen->deepest)
		r->seen->deepest = level;
	if (level > DEEPEST)
		return false;
	space(r);
	if (takes(r, "{"))
		return object(r, level);
	if (takes(r, "["))
		return list(r, level, "]", NULL);
	if (takes(r, "true") || takes(r, "false") || takes(r, "null"))
		return true;
	if (r->at < r->end && *r->at == '"')
		return string(r);
	return number(r);
}

/* The C library's reader of UTF-8, which refuses surrogates and long forms too. */
static bool is_utf8(const char *text, size_t size)
{
	size_t room = 4 * size + 4, left = size, put = room;
	char *wide = malloc(room), *to = wide, *from = (char *)text;
	iconv_t converter = iconv_open("UCS-4LE", "UTF-8");
	bool good;

	if (!wide || converter == (iconv_t)-1)
		abort();
	good = iconv(converter, &from, &left, &to, &put) == 0 && left == 0;
	/* iconv() knows characters beyond Unicode. */
	for (char *c = wide; good && c < to; c += 4) {
		uint32_t code;

		memcpy(&code, c, 4);
		good = code <= 0x10ffff;
	}
	iconv_close(converter);
	free(wide);
	return good;
}

/** strict_json_read() - what @text is */
struct strict_json strict_json_read(const char *text, size_t size)
{
	struct strict_json seen = { 0 };
	struct reader r = { text, text + size, &seen };

	space(&r);
	seen.is_object = r.at < r.end && *r.at == '{';
	seen.is_text = value(&r, 1);
	space(&r);
	seen.is_text = seen.is_text && r.at == r.end;
	seen.is_utf8 = is_utf8(text, size);
	if (memchr(text, '\0', size))
		seen.has_nul = true;
	return seen;
}
