// SPDX-License-Identifier: MIT
/* See reference_signature.h. */
#include "reference_signature.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SKEW 300

struct words { /* of the Authorization header; "" is missing */
	char credential[512];
	char headers[4096];
	char signature[512];
};

static const char *header_of(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return request->headers[i].value;
	return "";
}

/* Takes the list apart at each comma; what is behind a space of a part does not count. */
static struct words read_words(const char *authorization)
{
	struct words words = { 0 };
	const char *list = strchr(authorization, ' ');
	char *text = strdup(list ? list : ""), *word, *rest;

	if (!text)
		abort();
	for (word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		word += strspn(word, " ");
		word[strcspn(word, " ")] = '\0';
		if (!strncmp(word, "Credential=", 11) && !*words.credential)
			snprintf(words.credential, sizeof(words.credential), "%s", word + 11);
		if (!strncmp(word, "SignedHeaders=", 14) && !*words.headers)
			snprintf(words.headers, sizeof(words.headers), "%s", word + 14);
		if (!strncmp(word, "Signature=", 10) && !*words.signature)
			snprintf(words.signature, sizeof(words.signature), "%s", word + 10);
	}
	free(text);
	return words;
}

/** reference_is_signed() - does @list ("host;x-amz-date") have the header? */
bool reference_is_signed(const char *list, const char *name)
{
	char *copy = strdup(list), *rest, *word;
	bool found = false;

	if (!copy)
		abort();
	for (word = strtok_r(copy, ";", &rest); word; word = strtok_r(NULL, ";", &rest))
		found = found || !strcasecmp(word, name);
	free(copy);
	return found;
}

static void hex(const uint8_t digest[32], char text[65])
{
	for (int i = 0; i < 32; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
}

static void digest_of(const void *bytes, size_t size, char text[65])
{
	uint8_t digest[32];

	if (EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL) != 1)
		abort();
	hex(digest, text);
}

static void mac(const void *key, size_t size, const char *text, uint8_t out[32])
{
	if (!HMAC(EVP_sha256(), key, (int)size, (const uint8_t *)text, strlen(text), out, NULL))
		abort();
}

/* The words of a value, with one space between them. */
static void put_value(FILE *out, const char *value)
{
	const char *between = "";

	while (*(value += strspn(value, " \t"))) {
		int size = (int)strcspn(value, " \t");

		fprintf(out, "%s%.*s", between, size, value);
		value += size;
		between = " ";
	}
}

/* Return: whether each of the headers is there */
static bool put_headers(FILE *out, const struct http_request *request, const char *list)
{
	char *copy = strdup(list), *rest, *name;
	bool all = true;

	if (!copy)
		abort();
	for (name = strtok_r(copy, ";", &rest); name; name = strtok_r(NULL, ";", &rest)) {
		const char *between = "";

		fprintf(out, "%s:", name);
		for (size_t i = 0; i < request->header_count; i++) {
			if (strcasecmp(request->headers[i].name, name))
				continue;
			fputs(between, out);
			put_value(out, request->headers[i].value);
			between = ",";
		}
		all = all && *between;
		fputc('\n', out);
	}
	free(copy);
	return all;
}

static bool canonical(const struct http_request *request, const char *list, char digest[65])
{
	char *text = NULL, body[65];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool all;

	if (!out)
		abort();
	fputs("POST\n/\n\n", out);
	all = put_headers(out, request, list);
	digest_of(request->body, request->body_size, body);
	fprintf(out, "\n%s\n%s", list, body);
	if (fclose(out))
		abort();
	digest_of(text, size, digest);
	free(text);
	return all;
}

static int two(const char *text)
{
	return (text[0] - '0') * 10 + text[1] - '0';
}

/* "20150830T123600Z", a time that is there */
static bool read_time(const char *text, int64_t *seconds)
{
	static const char form[] = "00000000T000000Z";
	struct tm tm, same;

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	tm = (struct tm){ .tm_year = two(text) * 100 + two(text + 2) - 1900,
			  .tm_mon = two(text + 4) - 1,
			  .tm_mday = two(text + 6),
			  .tm_hour = two(text + 9),
			  .tm_min = two(text + 11),
			  .tm_sec = two(text + 13) };
	same = tm;
	*seconds = timegm(&same);
	return same.tm_mon == tm.tm_mon && same.tm_mday == tm.tm_mday &&
	       same.tm_hour == tm.tm_hour && same.tm_min == tm.tm_min && same.tm_sec == tm.tm_sec;
}

static bool names_are_signed(const struct http_request *request, const char *list)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (!strncasecmp(request->headers[i].name, "x-amz-", 6) &&
		    !reference_is_signed(list, request->headers[i].name))
			return false;
	return reference_is_signed(list, "host");
}

/**
 * reference_sign() - sign a request whose Authorization header has a Credential and SignedHeaders
 * @secret: secret access key
 * @now: seconds since the epoch
 */
struct reference reference_sign(const struct http_request *request, const char *secret,
				const char *region, const char *service, int64_t now)
{
	struct words words = read_words(header_of(request, "Authorization"));
	const char *when = header_of(request, "X-Amz-Date"), *scope = strchr(words.credential, '/');
	char text[1024], wanted[128], digest[65], first[128];
	struct reference reference = { 0 };
	uint8_t key[32], next[32];
	int64_t signed_at = 0;

	snprintf(wanted, sizeof(wanted), "/%.8s/%s/%s/aws4_request", when, region, service);
	reference.in_order = scope && !strcmp(scope, wanted) && read_time(when, &signed_at) &&
			     signed_at >= now - SKEW && signed_at <= now + SKEW &&
			     names_are_signed(request, words.headers);
	reference.in_order = canonical(request, words.headers, digest) && reference.in_order;
	snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%.64s\n%s\n%s", when, wanted + 1, digest);
	snprintf(first, sizeof(first), "AWS4%s", secret);
	snprintf(wanted, sizeof(wanted), "%.8s", when);
	mac(first, strlen(first), wanted, key);
	mac(key, sizeof(key), region, next);
	mac(next, sizeof(next), service, key);
	mac(key, sizeof(key), "aws4_request", next);
	mac(next, sizeof(next), text, key);
	hex(key, reference.signature);
	return reference;
}
