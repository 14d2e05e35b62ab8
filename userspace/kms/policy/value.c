// SPDX-License-Identifier: MIT
/*
 * Values of conditions.
 *
 * Must never allocate: the evaluation of a policy cannot fail.
 */

#include "kms/policy/value.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "lib/base/base64.h"

#define DIGITS "0123456789"

/* A decimal number without leading zeros of its whole part and final ones of its fraction. */
struct decimal {
	bool negative;
	const char *whole, *fraction;
	size_t whole_size, fraction_size;
};

static bool read_decimal(const char *text, struct decimal *number)
{
	*number = (struct decimal){ .negative = *text == '-' };
	text += *text == '-' || *text == '+';
	number->whole = text;
	number->whole_size = strspn(text, DIGITS);
	text += number->whole_size;
	if (number->whole_size == 0)
		return false;
	if (*text == '.') {
		number->fraction = ++text;
		number->fraction_size = strspn(text, DIGITS);
		text += number->fraction_size;
		if (number->fraction_size == 0)
			return false;
	}
	for (; number->whole_size > 0 && *number->whole == '0'; number->whole_size--)
		number->whole++;
	while (number->fraction_size > 0 && number->fraction[number->fraction_size - 1] == '0')
		number->fraction_size--;
	if (number->whole_size == 0 && number->fraction_size == 0)
		number->negative = false;
	return *text == '\0';
}

/** value_is_number() - digits with a sign and a fraction, if any */
bool value_is_number(const char *text)
{
	struct decimal number;

	return read_decimal(text, &number);
}

static int compare_sizes(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_magnitudes(const struct decimal *a, const struct decimal *b)
{
	size_t common = a->fraction_size < b->fraction_size ? a->fraction_size : b->fraction_size;
	int r = compare_sizes(a->whole_size, b->whole_size);

	if (!r)
		r = memcmp(a->whole, b->whole, a->whole_size);
	if (!r && common > 0)
		r = memcmp(a->fraction, b->fraction, common);
	return r ? r : compare_sizes(a->fraction_size, b->fraction_size);
}

/** value_compare_numbers() - of two numbers; Return: below, at or above 0 */
int value_compare_numbers(const char *a, const char *b)
{
	struct decimal x, y;
	int r;

	read_decimal(a, &x);
	read_decimal(b, &y);
	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	r = compare_magnitudes(&x, &y);
	return x.negative ? -r : r;
}

/* Takes @count digits from @text. Returns false when there are fewer. */
static bool take_digits(const char **text, size_t count, int *number)
{
	*number = 0;
	for (; count > 0; count--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return true;
}

static bool take_letter(const char **text, char letter)
{
	if (**text != letter)
		return false;
	(*text)++;
	return true;
}

/* Seconds to take away from the local time; false for a wrong zone. */
static bool take_zone(const char **text, int64_t *seconds)
{
	int sign = **text == '-' ? -1 : 1, hours, minutes;

	*seconds = 0;
	if (take_letter(text, 'Z'))
		return true;
	if (!take_letter(text, '+') && !take_letter(text, '-'))
		return false;
	if (!take_digits(text, 2, &hours) || !take_letter(text, ':') ||
	    !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* Up to three digits. */
static bool take_fraction(const char **text, int64_t *milliseconds)
{
	int64_t unit = 100;

	*milliseconds = 0;
	if (!take_letter(text, '.'))
		return true;
	if (strspn(*text, DIGITS) < 1 || strspn(*text, DIGITS) > 3)
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		*milliseconds += (**text - '0') * unit;
	return true;
}

static bool take_time(const char **text, struct tm *tm, int64_t *milliseconds, int64_t *zone)
{
	if (!take_letter(text, 'T'))
		return true;
	if (!take_digits(text, 2, &tm->tm_hour) || !take_letter(text, ':') ||
	    !take_digits(text, 2, &tm->tm_min))
		return false;
	if (take_letter(text, ':') &&
	    (!take_digits(text, 2, &tm->tm_sec) || !take_fraction(text, milliseconds)))
		return false;
	return take_zone(text, zone);
}

/* Is @tm a moment of the calendar? timegm() would carry the 31st of April into May. */
static bool to_seconds(struct tm *tm, int64_t *seconds)
{
	struct tm same = *tm;

	if (tm->tm_year < 1 - 1900 || tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 59)
		return false;
	*seconds = timegm(&same);
	return same.tm_mday == tm->tm_mday && same.tm_mon == tm->tm_mon;
}

static bool read_date(const char *text, int64_t *when)
{
	size_t digits = strspn(text, DIGITS);
	int64_t seconds, milliseconds = 0, zone = 0;
	struct tm tm = { 0 };

	if (text[digits] == '\0') {
		*when = digits >= 5 && digits <= 11 ? strtoll(text, NULL, 10) * 1000 : 0;
		return digits >= 5 && digits <= 11;
	}
	if (!take_digits(&text, 4, &tm.tm_year) || !take_letter(&text, '-') ||
	    !take_digits(&text, 2, &tm.tm_mon) || !take_letter(&text, '-') ||
	    !take_digits(&text, 2, &tm.tm_mday) || !take_time(&text, &tm, &milliseconds, &zone) ||
	    *text != '\0')
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (!to_seconds(&tm, &seconds))
		return false;
	*when = (seconds - zone) * 1000 + milliseconds;
	return true;
}

/**
 * value_is_date() - seconds since 1970 in 5 to 11 digits, or ISO 8601 with a day
 *
 * Four digits are refused, since they could be a year. A time has a zone, and at most milliseconds.
 */
bool value_is_date(const char *text)
{
	int64_t when;

	return read_date(text, &when);
}

/** value_compare_dates() - of two dates; Return: below, at or above 0 */
int value_compare_dates(const char *a, const char *b)
{
	int64_t x = 0, y = 0;

	read_date(a, &x);
	read_date(b, &y);
	return (x > y) - (x < y);
}

struct network {
	int family;
	uint8_t bytes[16];
	int bits;
};

static bool read_address(const char *text, struct network *network)
{
	if (inet_pton(AF_INET, text, network->bytes) == 1) {
		network->family = AF_INET;
		network->bits = 32;
		return true;
	}
	network->family = AF_INET6;
	network->bits = 128;
	return inet_pton(AF_INET6, text, network->bytes) == 1;
}

static bool read_network(const char *text, struct network *network)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	int bits;

	if (size >= sizeof(address))
		return false;
	memcpy(address, text, size);
	address[size] = '\0';
	if (!read_address(address, network))
		return false;
	if (!slash)
		return true;
	size = strlen(++slash);
	if (size < 1 || size > 3 || (size > 1 && *slash == '0') ||
	    !take_digits(&slash, size, &bits) || bits > network->bits)
		return false;
	network->bits = bits;
	return true;
}

/** value_is_network() - an IPv4 or IPv6 address, with the length of a prefix or without */
bool value_is_network(const char *text)
{
	struct network network;

	return read_network(text, &network);
}

/** value_in_network() - false also if @address is not one, or of the other family */
bool value_in_network(const char *address, const char *network)
{
	struct network host, net;
	int whole;

	if (!read_address(address, &host) || !read_network(network, &net) ||
	    host.family != net.family)
		return false;
	whole = net.bits / 8;
	if (memcmp(host.bytes, net.bytes, (size_t)whole))
		return false;
	return net.bits % 8 == 0 ||
	       (host.bytes[whole] ^ net.bytes[whole]) >> (8 - net.bits % 8) == 0;
}

/** value_is_base64() - in the one spelling that base64_encode() gives */
bool value_is_base64(const char *text)
{
	uint8_t *bytes;
	char *again;
	size_t size;
	bool same;

	if (*text == '\0' || base64_decode(text, &bytes, &size))
		return *text == '\0';
	again = base64_encode(bytes, size);
	same = again && !strcmp(again, text);
	free(again);
	free(bytes);
	return same;
}

/** value_has_bytes() - are the bytes of @text those of @base64? */
bool value_has_bytes(const char *text, const char *base64)
{
	size_t left = strlen(text);
	unsigned char four[5];

	if (strlen(base64) != (left + 2) / 3 * 4)
		return false;
	for (; left > 0; base64 += 4) {
		size_t size = left < 3 ? left : 3;

		EVP_EncodeBlock(four, (const unsigned char *)text, (int)size);
		if (memcmp(four, base64, 4))
			return false;
		text += size;
		left -= size;
	}
	return true;
}
