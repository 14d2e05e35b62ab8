// SPDX-License-Identifier: MIT
/* sources: ../tests/fuzz/reference_signature.c */
/*
 * The signature of a request. The input is lines "Name: value", an empty line and a body, as they come
 * from libmicrohttpd. A second signer, written after AWS's description, knows whether the request may be
 * accepted and which signature it needs: sigv4_verify() accepts it with this signature and with no
 * other one, and not after a change.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http/sigv4.h"
#include "reference_signature.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW    1440938160 /* 20150830T123600Z */
#define REGION "us-east-1"

struct input {
	char *text; /* malloc'd */
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_request request;
};

/* What head.c has refused does not come here. */
static bool split_line(struct input *input, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon || colon == line || strchr(line, '\r') ||
	    input->request.header_count == HTTP_HEADERS_MAX)
		return false;
	*colon++ = '\0';
	if (strpbrk(line, " \t;"))
		return false;
	while (*colon == ' ')
		colon++;
	input->headers[input->request.header_count++] = (struct http_header){ line, colon };
	return true;
}

static bool split(struct input *input, const uint8_t *bytes, size_t size)
{
	const char *text = (const char *)bytes, *end = memmem(bytes, size, "\n\n", 2);
	char *line, *rest;

	if (!end || memchr(text, '\0', (size_t)(end - text)))
		return false;
	input->text = strndup(text, (size_t)(end - text));
	if (!input->text)
		abort();
	input->request = (struct http_request){
		.method = "POST",
		.path = "/",
		.headers = input->headers,
		.body = (const uint8_t *)end + 2,
		.body_size = size - (size_t)(end + 2 - text),
	};
	for (line = strtok_r(input->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!split_line(input, line))
			return false;
	return true;
}

static struct secret *secret_of(const char *text)
{
	struct secret *secret = secret_new(strlen(text));

	if (!secret)
		abort();
	memcpy(secret->bytes, text, secret->size);
	return secret;
}

static bool verifies(const struct http_request *request, const struct sigv4_authorization *a,
		     const char *key)
{
	_cleanup_secret_ struct secret *secret = secret_of(key);
	struct fault f = { 0 };
	bool good = !sigv4_verify(request, a, secret, REGION, "kms", NOW, &f);

	fuzz_holds(good || (*f.code && *f.message), "a refusal has a fault");
	return good;
}

/* A request that is accepted, with each thing changed. */
static void change(struct input *input, const struct sigv4_authorization *a)
{
	struct http_request *request = &input->request, other = *request;
	char value[256];

	fuzz_holds(!verifies(request, a, SECRET "x"), "another secret signs another request");
	other.body = (const uint8_t *)"another body";
	other.body_size = strlen((const char *)other.body);
	fuzz_holds((request->body_size == other.body_size &&
		    !memcmp(request->body, other.body, other.body_size)) ||
			   !verifies(&other, a, SECRET),
		   "the body is signed");
	for (size_t i = 0; i < request->header_count; i++) {
		struct http_header *header = &input->headers[i], whole = *header;

		if (strlen(whole.value) + 2 > sizeof(value))
			continue;
		snprintf(value, sizeof(value), "%sx", whole.value);
		header->value = value;
		fuzz_holds(verifies(request, a, SECRET) ==
				   !reference_is_signed(a->signed_headers, whole.name),
			   "a header is signed if it is listed");
		*header = whole;
	}
	if (request->header_count == HTTP_HEADERS_MAX)
		return;
	input->headers[request->header_count] = (struct http_header){ "X-Amz-Other", "x" };
	other = *request;
	other.header_count++;
	fuzz_holds(!verifies(&other, a, SECRET), "a header x-amz-* that is added must be signed");
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	struct input input = { 0 };
	struct sigv4_authorization given, right;
	struct reference reference;
	struct fault f = { 0 };
	bool accepted = false;

	if (split(&input, bytes, size) && !sigv4_parse(&input.request, &given, &f)) {
		reference = reference_sign(&input.request, SECRET, REGION, "kms", NOW);
		accepted = verifies(&input.request, &given, SECRET);
		fuzz_holds(!accepted || !strcmp(given.signature, reference.signature),
			   "the signature that is accepted is the right one");
		right = given;
		memcpy(right.signature, reference.signature, sizeof(right.signature));
		fuzz_holds(verifies(&input.request, &right, SECRET) == reference.in_order,
			   "the right signature is accepted if the request is in order");
		if (reference.in_order)
			change(&input, &right);
	}
	free(input.text);
	return accepted;
}
