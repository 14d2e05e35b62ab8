// SPDX-License-Identifier: MIT
/*
 * Table of the operators.
 *
 * Must never list an operator that AWS does not have.
 */

#include "kms/policy/comparison.h"

#include <string.h>

#include "kms/policy/pattern.h"
#include "kms/policy/value.h"

static bool equal(const char *text, const char *wanted)
{
	return !strcmp(text, wanted);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool equal_without_case(const char *text, const char *wanted)
{
	for (; lower(*text) == lower(*wanted); text++, wanted++)
		if (*text == '\0')
			return true;
	return false;
}

static bool like(const char *text, const char *wanted)
{
	return pattern_like(wanted, text);
}

static bool arn_like(const char *text, const char *wanted)
{
	return pattern_arn(wanted, text);
}

static bool is_bool(const char *wanted)
{
	return equal_without_case(wanted, "true") || equal_without_case(wanted, "false");
}

static bool is_arn(const char *wanted)
{
	size_t colons = 0;

	for (const char *at = wanted; *at; at++)
		colons += *at == ':';
	return !strncmp(wanted, "arn:", 4) && colons >= 5;
}

/* Defines the operators of a kind of value that has an order. */
#define ORDERED(kind, reads, compare)                                          \
	static bool kind##_equal(const char *text, const char *wanted)         \
	{                                                                      \
		return reads(text) && compare(text, wanted) == 0;              \
	}                                                                      \
	static bool kind##_less(const char *text, const char *wanted)          \
	{                                                                      \
		return reads(text) && compare(text, wanted) < 0;               \
	}                                                                      \
	static bool kind##_less_equal(const char *text, const char *wanted)    \
	{                                                                      \
		return reads(text) && compare(text, wanted) <= 0;              \
	}                                                                      \
	static bool kind##_greater(const char *text, const char *wanted)       \
	{                                                                      \
		return reads(text) && compare(text, wanted) > 0;               \
	}                                                                      \
	static bool kind##_greater_equal(const char *text, const char *wanted) \
	{                                                                      \
		return reads(text) && compare(text, wanted) >= 0;              \
	}

ORDERED(number, value_is_number, value_compare_numbers)
ORDERED(date, value_is_date, value_compare_dates)

static const struct comparison comparisons[] = {
	{ "Null", NULL, false, is_bool },
	{ "StringEquals", equal, false, NULL },
	{ "StringNotEquals", equal, true, NULL },
	{ "StringEqualsIgnoreCase", equal_without_case, false, NULL },
	{ "StringNotEqualsIgnoreCase", equal_without_case, true, NULL },
	{ "StringLike", like, false, NULL },
	{ "StringNotLike", like, true, NULL },
	{ "Bool", equal_without_case, false, is_bool },
	{ "ArnEquals", arn_like, false, is_arn },
	{ "ArnNotEquals", arn_like, true, is_arn },
	{ "ArnLike", arn_like, false, is_arn },
	{ "ArnNotLike", arn_like, true, is_arn },
	{ "NumericEquals", number_equal, false, value_is_number },
	{ "NumericNotEquals", number_equal, true, value_is_number },
	{ "NumericLessThan", number_less, false, value_is_number },
	{ "NumericLessThanEquals", number_less_equal, false, value_is_number },
	{ "NumericGreaterThan", number_greater, false, value_is_number },
	{ "NumericGreaterThanEquals", number_greater_equal, false, value_is_number },
	{ "DateEquals", date_equal, false, value_is_date },
	{ "DateNotEquals", date_equal, true, value_is_date },
	{ "DateLessThan", date_less, false, value_is_date },
	{ "DateLessThanEquals", date_less_equal, false, value_is_date },
	{ "DateGreaterThan", date_greater, false, value_is_date },
	{ "DateGreaterThanEquals", date_greater_equal, false, value_is_date },
	{ "IpAddress", value_in_network, false, value_is_network },
	{ "NotIpAddress", value_in_network, true, value_is_network },
	{ "BinaryEquals", value_has_bytes, false, value_is_base64 },
};

/** comparison_find() - by the @size bytes of @name; Return: borrowed, or NULL */
const struct comparison *comparison_find(const char *name, size_t size)
{
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
		if (strlen(comparisons[i].name) == size &&
		    !strncmp(comparisons[i].name, name, size))
			return &comparisons[i];
	return NULL;
}
