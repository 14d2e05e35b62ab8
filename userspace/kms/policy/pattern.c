// SPDX-License-Identifier: MIT
/*
 * Matching patterns.
 *
 * The time of a match is the product of both lengths for every pattern. Matching must never try the
 * ways to place the asterisks one after the other: a policy of 32 KiB would hold up all calls.
 */

#include "kms/policy/pattern.h"

#include <string.h>

#define ARN_PARTS 6

/* A range of a string. */
struct part {
	const char *at;
	size_t size;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Is @c a byte inside of a UTF-8 character? A ? takes a whole character. */
static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* One more asterisk: where the pattern so far matches, it matches all that follows, too. */
static void take_asterisk(bool *matches, size_t size)
{
	for (size_t j = 1; j <= size; j++)
		matches[j] |= matches[j - 1];
}

static void take_mark(bool *matches, struct part text)
{
	bool before = matches[0], begun = false;

	matches[0] = false;
	for (size_t j = 1; j <= text.size; j++) {
		bool here = matches[j];

		if (!continues(text.at[j - 1]))
			begun = before;
		matches[j] = begun;
		before = here;
	}
}

static void take_letter(bool *matches, struct part text, char letter, bool folds)
{
	for (size_t j = text.size; j >= 1; j--) {
		char c = text.at[j - 1];

		matches[j] = matches[j - 1] &&
			     (c == letter || (folds && lower(c) == lower(letter)));
	}
	matches[0] = false;
}

/* Each byte of a pattern but an asterisk takes one byte at least. */
static bool is_too_long(struct part pattern, size_t size)
{
	size_t least = 0;

	for (size_t i = 0; i < pattern.size && least <= size; i++)
		least += pattern.at[i] != '*';
	return least > size;
}

/*
 * @matches[j]: the pattern up to here matches the first j bytes of @text. A policy has thousands of
 * patterns, and its texts are short: clear the bytes of the text, not the whole array.
 */
static bool match(struct part pattern, struct part text, bool folds)
{
	bool matches[PATTERN_TEXT_MAX + 1] __attribute__((uninitialized));

	if (text.size > PATTERN_TEXT_MAX || is_too_long(pattern, text.size))
		return false;
	memset(matches, 0, text.size + 1);
	matches[0] = true;
	for (size_t i = 0; i < pattern.size; i++) {
		if (pattern.at[i] == '*')
			take_asterisk(matches, text.size);
		else if (pattern.at[i] == '?')
			take_mark(matches, text);
		else
			take_letter(matches, text, pattern.at[i], folds);
	}
	return matches[text.size];
}

static struct part whole(const char *text)
{
	return (struct part){ text, strlen(text) };
}

/** pattern_like() - as StringLike compares */
bool pattern_like(const char *pattern, const char *text)
{
	return match(whole(pattern), whole(text), false);
}

/** pattern_action() - as the element Action compares: without case */
bool pattern_action(const char *pattern, const char *action)
{
	return match(whole(pattern), whole(action), true);
}

/* The parts of an ARN, which colons divide. The last one has the rest. Returns their number. */
static size_t split(const char *text, struct part parts[ARN_PARTS])
{
	size_t count = 0;

	for (;;) {
		const char *colon = count + 1 < ARN_PARTS ? strchr(text, ':') : NULL;

		parts[count] = whole(text);
		if (colon)
			parts[count].size = (size_t)(colon - text);
		count++;
		if (!colon)
			return count;
		text = colon + 1;
	}
}

static bool match_parts(const struct part *patterns, const struct part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!match(patterns[i], parts[i], false))
			return false;
	return true;
}

/**
 * pattern_resource() - as the element Resource compares
 * @arn: of a key, an alias or a user, so its last part has no colon; "*": the action is on no resource of
 *	its own, and "*" alone allows it
 *
 * An asterisk at the end of a part may match the colon behind it, and the parts that a pattern lacks
 * are asterisks. An ARN of six parts has a colon for each one of the pattern, so neither rule makes a
 * difference to a comparison of the parts that the pattern has.
 */
bool pattern_resource(const char *pattern, const char *arn)
{
	struct part patterns[ARN_PARTS], parts[ARN_PARTS];

	if (!strcmp(arn, "*"))
		return !strcmp(pattern, "*");
	return split(arn, parts) == ARN_PARTS &&
	       match_parts(patterns, parts, split(pattern, patterns));
}

/** pattern_arn() - as ArnLike compares: each of the six parts by itself */
bool pattern_arn(const char *pattern, const char *arn)
{
	struct part patterns[ARN_PARTS], parts[ARN_PARTS];

	return split(pattern, patterns) == ARN_PARTS && split(arn, parts) == ARN_PARTS &&
	       match_parts(patterns, parts, ARN_PARTS);
}
