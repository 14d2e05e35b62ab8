// SPDX-License-Identifier: MIT
/*
 * Signature Version 4: canonical request, string to sign, derived key.
 *
 * Must never put the secret access key or a derived key anywhere but a buffer that it wipes.
 */

#include "lib/http/sigv4.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define ALGORITHM    "AWS4-HMAC-SHA256"
#define BASIC_FORMAT "%Y%m%dT%H%M%SZ"
#define HEX_DIGEST   (2 * SHA256_DIGEST_LENGTH + 1)

static const char mismatch[] =
	"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

static void to_hex(const uint8_t digest[SHA256_DIGEST_LENGTH], char hex[HEX_DIGEST])
{
	size_t i;

	for (i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* Copies the value of "Name=value" in the Authorization header's list; -1 when it is missing. */
static int take_part(const char *list, const char *name, char *value, size_t size)
{
	size_t name_size = strlen(name);
	const char *part = list;

	while (part) {
		part += strspn(part, " ,");
		if (!strncmp(part, name, name_size) && part[name_size] == '=') {
			size_t length = strcspn(part + name_size + 1, " ,");

			if (length == 0 || length >= size)
				return -1;
			memcpy(value, part + name_size + 1, length);
			value[length] = '\0';
			return 0;
		}
		part = strchr(part, ',');
	}
	return -1;
}

/* AKID/20150830/us-east-1/kms/aws4_request */
static int split_credential(char *credential, struct sigv4_authorization *a)
{
	struct {
		char *field;
		size_t size;
	} fields[] = {
		{ a->access_key, sizeof(a->access_key) },
		{ a->date, sizeof(a->date) },
		{ a->region, sizeof(a->region) },
		{ a->service, sizeof(a->service) },
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char *slash = strchr(credential, '/');

		if (!slash || slash == credential || (size_t)(slash - credential) >= fields[i].size)
			return -1;
		*slash = '\0';
		memcpy(fields[i].field, credential, (size_t)(slash - credential) + 1);
		credential = slash + 1;
	}
	return !strcmp(credential, "aws4_request") && strlen(a->date) == 8 ? 0 : -1;
}

static int incomplete(struct fault *f, const char *what)
{
	return fault_set(f, "IncompleteSignatureException", "Authorization header requires %s.",
			 what);
}

/**
 * sigv4_parse() - read the Authorization and X-Amz-Date headers
 * @f: MissingAuthenticationTokenException, IncompleteSignatureException,
 *	UnrecognizedClientException
 *
 * Return: 0 or -1.
 */
int sigv4_parse(const struct http_request *request, struct sigv4_authorization *a, struct fault *f)
{
	const char *header = http_header(request, "Authorization");
	const char *when = http_header(request, "X-Amz-Date");
	char credential[256];

	memset(a, 0, sizeof(*a));
	if (!header)
		return fault_set(f, "MissingAuthenticationTokenException",
				 "Missing Authentication Token");
	if (strncmp(header, ALGORITHM " ", sizeof(ALGORITHM)))
		return incomplete(f, "algorithm '" ALGORITHM "'");
	header += sizeof(ALGORITHM);
	if (take_part(header, "Credential", credential, sizeof(credential)))
		return incomplete(f, "'Credential' parameter");
	if (take_part(header, "SignedHeaders", a->signed_headers, sizeof(a->signed_headers)))
		return incomplete(f, "'SignedHeaders' parameter");
	if (take_part(header, "Signature", a->signature, sizeof(a->signature)))
		return incomplete(f, "'Signature' parameter");
	if (!when || strlen(when) >= sizeof(a->time))
		return incomplete(f, "existence of an 'X-Amz-Date' header");
	memcpy(a->time, when, strlen(when) + 1);
	if (split_credential(credential, a))
		return incomplete(f,
				  "'Credential' to be ACCESS-KEY/DATE/REGION/SERVICE/aws4_request");
	if (http_header(request, "X-Amz-Security-Token"))
		return fault_set(f, "UnrecognizedClientException",
				 "The security token included in the request is invalid.");
	return 0;
}

/* strptime() takes blanks for zeros, and days that a month does not have. Return: 0 or -1 */
static int read_time(const struct sigv4_authorization *a, int64_t *signed_at)
{
	char again[sizeof(a->time)];
	struct tm tm = { 0 };

	if (!strptime(a->time, BASIC_FORMAT, &tm))
		return -1;
	*signed_at = timegm(&tm);
	return strftime(again, sizeof(again), BASIC_FORMAT, &tm) && !strcmp(again, a->time) ? 0
											    : -1;
}

static int check_time(const struct sigv4_authorization *a, int64_t now, struct fault *f)
{
	char server_time[24];
	struct tm server;
	time_t server_now = now;
	int64_t signed_at;

	if (read_time(a, &signed_at))
		return fault_set(f, "IncompleteSignatureException",
				 "Date must be in ISO-8601 'basic format'. Got '%s'.", a->time);
	if (strncmp(a->time, a->date, 8))
		return fault_set(f, "InvalidSignatureException",
				 "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%.8s'.",
				 a->date, a->time);
	gmtime_r(&server_now, &server);
	strftime(server_time, sizeof(server_time), BASIC_FORMAT, &server);
	if (signed_at < now - SIGV4_SKEW_SECONDS)
		return fault_set(f, "InvalidSignatureException",
				 "Signature expired: %s is now more than 5 min earlier than %s",
				 a->time, server_time);
	if (signed_at > now + SIGV4_SKEW_SECONDS)
		return fault_set(f, "InvalidSignatureException",
				 "Signature not yet current: %s is still more than 5 min later than %s",
				 a->time, server_time);
	return 0;
}

/* Is @name (any case) one of the entries of @list ("host;x-amz-date")? */
static bool is_signed(const char *list, const char *name)
{
	size_t size = strlen(name);

	while (list) {
		if (!strncasecmp(list, name, size) && (list[size] == ';' || list[size] == '\0'))
			return true;
		list = strchr(list, ';');
		if (list)
			list++;
	}
	return false;
}

static int check_signed_headers(const struct http_request *request,
				const struct sigv4_authorization *a, struct fault *f)
{
	size_t i;

	if (!is_signed(a->signed_headers, "host"))
		return fault_set(f, "InvalidSignatureException",
				 "'Host' must be a 'SignedHeader' in the AWS Authorization.");
	for (i = 0; i < request->header_count; i++)
		if (!strncasecmp(request->headers[i].name, "x-amz-", 6) &&
		    !is_signed(a->signed_headers, request->headers[i].name))
			return fault_set(f, "InvalidSignatureException",
					 "'%.64s' must be a 'SignedHeader' in the AWS Authorization.",
					 request->headers[i].name);
	return 0;
}

/* Drops outer white space, and writes inner runs of it as one space. */
static void write_trimmed(FILE *out, const char *value)
{
	bool space = false, begun = false;

	for (; *value; value++) {
		if (*value == ' ' || *value == '\t') {
			space = begun;
			continue;
		}
		if (space)
			fputc(' ', out);
		fputc(*value, out);
		space = false;
		begun = true;
	}
}

/* One line of canonical headers: values of headers of the same name are joined by commas. */
static int write_header(FILE *out, const struct http_request *request, const char *name)
{
	bool found = false;
	size_t i;

	fprintf(out, "%s:", name);
	for (i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name))
			continue;
		if (found)
			fputc(',', out);
		write_trimmed(out, request->headers[i].value);
		found = true;
	}
	fputc('\n', out);
	return found ? 0 : -1;
}

static int write_canonical(FILE *out, const struct http_request *request,
			   const struct sigv4_authorization *a)
{
	char list[sizeof(a->signed_headers)];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char hex[HEX_DIGEST];
	char *name, *rest;

	fputs("POST\n/\n\n", out);
	memcpy(list, a->signed_headers, sizeof(list));
	for (name = strtok_r(list, ";", &rest); name; name = strtok_r(NULL, ";", &rest))
		if (write_header(out, request, name))
			return -1;
	SHA256(request->body, request->body_size, digest);
	to_hex(digest, hex);
	fprintf(out, "\n%s\n%s", a->signed_headers, hex);
	return 0;
}

static int canonical_digest(const struct http_request *request, const struct sigv4_authorization *a,
			    char hex[HEX_DIGEST])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return -1;
	r = write_canonical(out, request, a);
	if (fclose(out))
		r = -1;
	if (!r) {
		SHA256((const uint8_t *)text, size, digest);
		to_hex(digest, hex);
	}
	free(text);
	return r;
}

/* key = HMAC(key, text) */
static void mac_step(uint8_t key[SHA256_DIGEST_LENGTH], const char *text)
{
	uint8_t out[SHA256_DIGEST_LENGTH];
	unsigned int size = sizeof(out);

	HMAC(EVP_sha256(), key, SHA256_DIGEST_LENGTH, (const uint8_t *)text, strlen(text), out,
	     &size);
	memcpy(key, out, sizeof(out));
	explicit_bzero(out, sizeof(out));
}

static int sign(const struct sigv4_authorization *a, const struct secret *secret_key,
		const char *text, char signature[HEX_DIGEST])
{
	_cleanup_secret_ struct secret *first = secret_new(4 + secret_key->size);
	uint8_t key[SHA256_DIGEST_LENGTH];
	unsigned int size = sizeof(key);

	if (!first)
		return -1;
	memcpy(first->bytes, "AWS4", 4);
	memcpy(first->bytes + 4, secret_key->bytes, secret_key->size);
	HMAC(EVP_sha256(), first->bytes, (int)first->size, (const uint8_t *)a->date,
	     strlen(a->date), key, &size);
	mac_step(key, a->region);
	mac_step(key, a->service);
	mac_step(key, "aws4_request");
	mac_step(key, text);
	to_hex(key, signature);
	explicit_bzero(key, sizeof(key));
	return 0;
}

/**
 * sigv4_expires() - the last second at which sigv4_verify() accepts the request
 * @a: accepted by sigv4_verify()
 */
int64_t sigv4_expires(const struct sigv4_authorization *a)
{
	int64_t signed_at = 0;

	read_time(a, &signed_at);
	return signed_at + SIGV4_SKEW_SECONDS;
}

/**
 * sigv4_verify() - check scope, time and signature
 * @a: filled by sigv4_parse()
 * @secret_key: of the access key in @a
 * @region: the scope must name it
 * @service: the scope must name it
 * @now: seconds since the epoch
 * @f: InvalidSignatureException; InternalFailure when the signature could not be checked
 *
 * Return: 0 or -1.
 */
int sigv4_verify(const struct http_request *request, const struct sigv4_authorization *a,
		 const struct secret *secret_key, const char *region, const char *service,
		 int64_t now, struct fault *f)
{
	char text[256], canonical[HEX_DIGEST], signature[HEX_DIGEST];
	int different;

	if (strcmp(a->region, region))
		return fault_set(f, "InvalidSignatureException",
				 "Credential should be scoped to a valid region, not '%s'. This endpoint serves '%s'.",
				 a->region, region);
	if (strcmp(a->service, service))
		return fault_set(f, "InvalidSignatureException",
				 "Credential should be scoped to correct service: '%s'.", service);
	if (check_time(a, now, f) || check_signed_headers(request, a, f))
		return -1;
	if (canonical_digest(request, a, canonical))
		return fault_set(f, "InvalidSignatureException", "%s", mismatch);
	snprintf(text, sizeof(text), ALGORITHM "\n%s\n%s/%s/%s/aws4_request\n%s", a->time, a->date,
		 a->region, a->service, canonical);
	if (sign(a, secret_key, text, signature))
		return fault_set(f, "InternalFailure",
				 "Memory cannot be locked. Raise LimitMEMLOCK.");
	different = strlen(a->signature) != HEX_DIGEST - 1 ||
		    CRYPTO_memcmp(signature, a->signature, HEX_DIGEST - 1);
	explicit_bzero(signature, sizeof(signature));
	if (different)
		return fault_set(f, "InvalidSignatureException", "%s", mismatch);
	return 0;
}
