// SPDX-License-Identifier: MIT
/* See json_text.h. */
#include "lib/base/json_text.h"

#include <ctype.h>
#include <string.h>

#define HIGH_SURROGATE 0xd800
#define LOW_SURROGATE  0xdc00

/* The code unit of an escape at @text, of which @size bytes are left; -1 for another escape. */
static long escaped_unit(const char *text, size_t size)
{
	long unit = 0;

	if (size < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (size_t i = 2; i < 6; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return -1;
		unit = unit * 16 + (isdigit((unsigned char)text[i])
					    ? text[i] - '0'
					    : tolower((unsigned char)text[i]) - 'a' + 10);
	}
	return unit;
}

static bool is_surrogate(long unit, long first)
{
	return unit >= first && unit < first + 0x400;
}

/*
 * Takes the escape at @text, of which @size bytes are left. json-c writes an escaped NUL into a string
 * that others then cut, and one question mark for each surrogate that lacks the other half: two texts
 * would become the same one.
 *
 * Return: its size, that of both halves of a pair; 0 if it is no character.
 */
static size_t take_escape(const char *text, size_t size)
{
	long unit = escaped_unit(text, size);

	if (unit < 0)
		return 2;
	if (is_surrogate(unit, HIGH_SURROGATE))
		return is_surrogate(escaped_unit(text + 6, size - 6), LOW_SURROGATE) ? 12 : 0;
	return unit > 0 && !is_surrogate(unit, LOW_SURROGATE) ? 6 : 0;
}

static size_t count_digits(const char *text, size_t size)
{
	size_t n = 0;

	while (n < size && isdigit((unsigned char)text[n]))
		n++;
	return n;
}

/* Takes the number at @text. Return: its size; 0 if it is no number, as "01", "1." and "-" */
static size_t take_number(const char *text, size_t size)
{
	size_t at = *text == '-', digits = count_digits(text + at, size - at);

	if (!digits || (digits > 1 && text[at] == '0'))
		return 0;
	at += digits;
	if (at < size && text[at] == '.') {
		digits = count_digits(text + at + 1, size - at - 1);
		if (!digits)
			return 0;
		at += 1 + digits;
	}
	if (at < size && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		if (at < size && (text[at] == '+' || text[at] == '-'))
			at++;
		digits = count_digits(text + at, size - at);
		if (!digits)
			return 0;
		at += digits;
	}
	return at;
}

/* Takes what is at @text, outside of strings. Return: its size; 0 if JSON has no such thing */
static size_t take_token(const char *text, size_t size)
{
	static const char *const words[] = { "true", "false", "null" };

	if (strchr("{}[]:, \t\r\n\"", *text))
		return 1;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (size >= strlen(words[i]) && !memcmp(text, words[i], strlen(words[i])))
			return strlen(words[i]);
	return take_number(text, size);
}

/* Takes a byte or an escape of a string. */
static size_t take_character(const char *text, size_t size)
{
	if (*text == '\\')
		return take_escape(text, size);
	return (unsigned char)*text >= ' ';
}

/**
 * json_text_is_strict() - is the text free of what json-c takes beyond RFC 8259?
 * @text: has no NUL
 *
 * What json-c refuses may pass.
 */
bool json_text_is_strict(const char *text, size_t size)
{
	bool quoted = false;
	size_t at = 0;

	while (at < size) {
		size_t step = quoted ? take_character(text + at, size - at)
				     : take_token(text + at, size - at);

		if (!step)
			return false;
		if (text[at] == '"')
			quoted = !quoted;
		at += step;
	}
	return true;
}
