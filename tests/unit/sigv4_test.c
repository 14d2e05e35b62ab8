// SPDX-License-Identifier: MIT
/*
 * Signature Version 4 against the POST vectors of AWS's published test suite, as the suite was when
 * AWS gave it out as an archive (post-vanilla, post-header-key-sort, post-header-value-case,
 * post-x-www-form-urlencoded) and as aws-c-auth has it (495329c, tests/aws-signing-test-suite/v4).
 * Also against three more that botocore 1.29 signed, and against every change of a good request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/http/sigv4.h"

#define SECRET	    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define WHEN	    "20150830T123600Z"
#define NOW	    1440938160 /* the same moment */
#define HEADERS_MAX 8
#define FORM_DIGEST "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"
#define SESSION_TOKEN                                                                      \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwA" \
	"eMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8p" \
	"hUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT" \
	"38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabI" \
	"Qwj2ICCR/oLxBA=="

struct vector {
	const char *name;
	const char *service;
	struct http_header extra[3];
	const char *signed_headers;
	const char *body;
	const char *signature;
};

static const struct vector vectors[] = {
	{ "post-vanilla",
	  "service",
	  { { 0 } },
	  "host;x-amz-date",
	  "",
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-header-key-sort",
	  "service",
	  { { "My-Header1", "value1" } },
	  "host;my-header1;x-amz-date",
	  "",
	  "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
	{ "post-header-value-case",
	  "service",
	  { { "My-Header1", "VALUE1" } },
	  "host;my-header1;x-amz-date",
	  "",
	  "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
	{ "post-x-www-form-urlencoded",
	  "service",
	  { { "Content-Type", "application/x-www-form-urlencoded" } },
	  "content-type;host;x-amz-date",
	  "Param1=value1",
	  "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
	{ "white space (botocore)",
	  "service",
	  { { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\"  " } },
	  "host;my-header1;my-header2;x-amz-date",
	  "",
	  "3eb9288751ab1906691f9f6b3eb68236f10b60a223bf1ba32c5a792f289ee65a" },
	{ "one header twice (botocore)",
	  "service",
	  { { "My-Header1", "value2" }, { "My-Header1", "value1" } },
	  "host;my-header1;x-amz-date",
	  "",
	  "1ec6a780ec4b75714f40ef13ed3910b9db20d91555690aec210b3be0ee78abde" },
	{ "a KMS call (botocore)",
	  "kms",
	  { { "Content-Type", "application/x-amz-json-1.1" },
	    { "X-Amz-Target", "TrentService.Decrypt" } },
	  "content-type;host;x-amz-date;x-amz-target",
	  "{\"CiphertextBlob\":\"AQ==\"}",
	  "ee4564b1cbad46d8f17649addc4708ff3eecaa6a833dbdf921835e3fe5da931b" },
	{ "post-x-www-form-urlencoded (aws-c-auth)",
	  "service",
	  { { "Content-Type", "application/x-www-form-urlencoded" },
	    { "Content-Length", "13" },
	    { "x-amz-content-sha256", FORM_DIGEST } },
	  "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	  "Param1=value1",
	  "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },
	{ "post-x-www-form-urlencoded-parameters (aws-c-auth)",
	  "service",
	  { { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" },
	    { "Content-Length", "13" },
	    { "x-amz-content-sha256", FORM_DIGEST } },
	  "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	  "Param1=value1",
	  "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422" },
};

#define KMS_VECTOR (&vectors[6])

/* Right signatures, of AWS's suite too, of requests that no service here takes. */
static const struct {
	const char *fault;
	struct vector vector;
} others[] = {
	{ "UnrecognizedClientException",
	  { "post-sts-header-before",
	    "service",
	    { { "X-Amz-Security-Token", SESSION_TOKEN } },
	    "host;x-amz-date;x-amz-security-token",
	    "",
	    "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" } },
	{ "UnrecognizedClientException",
	  { "post-sts-header-after",
	    "service",
	    { { "X-Amz-Security-Token", SESSION_TOKEN } },
	    "host;x-amz-date",
	    "",
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" } },
	{ "InvalidSignatureException",
	  { "post-vanilla-query: a query is signed",
	    "service",
	    { { 0 } },
	    "host;x-amz-date",
	    "",
	    "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" } },
	{ "InvalidSignatureException",
	  { "get-vanilla: another method is signed",
	    "service",
	    { { 0 } },
	    "host;x-amz-date",
	    "",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" } },
};

struct message { /* a request that a test may change before it is verified */
	struct http_header headers[HEADERS_MAX];
	size_t count;
	char authorization[512];
	char body[128];
	const char *region;
	const char *service;
	const char *secret;
	int64_t now;
};

static void put(struct message *m, const char *name, const char *value)
{
	m->headers[m->count++] = (struct http_header){ name, value };
}

static void build(struct message *m, const struct vector *v)
{
	*m = (struct message){
		.region = "us-east-1", .service = v->service, .secret = SECRET, .now = NOW
	};
	snprintf(m->authorization, sizeof(m->authorization),
		 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s",
		 v->service, v->signed_headers, v->signature);
	snprintf(m->body, sizeof(m->body), "%s", v->body);
	put(m, "Host", "example.amazonaws.com");
	put(m, "X-Amz-Date", WHEN);
	for (size_t i = 0; i < 3 && v->extra[i].name; i++)
		put(m, v->extra[i].name, v->extra[i].value);
}

/* Return: 0, or -1 with the fault. */
static int verify(struct message *m, struct fault *f)
{
	struct secret *secret = secret_new(strlen(m->secret));
	struct sigv4_authorization authorization;
	struct http_request request;
	int r;

	memcpy(secret->bytes, m->secret, secret->size);
	if (m->authorization[0])
		put(m, "Authorization", m->authorization);
	request = (struct http_request){ .headers = m->headers,
					 .header_count = m->count,
					 .body = (const uint8_t *)m->body,
					 .body_size = strlen(m->body) };
	r = sigv4_parse(&request, &authorization, f);
	if (!r)
		r = sigv4_verify(&request, &authorization, secret, m->region, m->service, m->now,
				 f);
	secret_free(secret);
	return r;
}

static void refused(struct message *m, const char *code)
{
	struct fault f = { 0 };

	assert_int_equal(verify(m, &f), -1);
	assert_string_equal(f.code, code);
}

static void published_vectors_verify(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct fault f = { 0 };
		struct message m;

		build(&m, &vectors[i]);
		if (verify(&m, &f))
			fail_msg("%s: %s: %s", vectors[i].name, f.code, f.message);
	}
}

static void signatures_of_other_requests_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct fault f = { 0 };
		struct message m;

		build(&m, &others[i].vector);
		if (!verify(&m, &f) || strcmp(f.code, others[i].fault))
			fail_msg("%s: expected %s, seen %s", others[i].vector.name, others[i].fault,
				 f.code[0] ? f.code : "no fault");
	}
}

static void every_changed_byte_is_refused(void **state)
{
	struct message good;

	build(&good, KMS_VECTOR);
	for (size_t i = 0; i < strlen(good.body); i++) {
		struct message m = good;

		m.body[i] ^= 1;
		refused(&m, "InvalidSignatureException");
	}
	for (size_t i = 0; i < 64; i++) {
		struct message m = good;
		char *digit = strstr(m.authorization, "Signature=") + 10 + i;

		*digit = *digit == '0' ? '1' : '0';
		refused(&m, "InvalidSignatureException");
	}
}

static void changed_header_is_refused(void **state)
{
	struct message m;

	build(&m, KMS_VECTOR);
	m.headers[3].value = "TrentService.DisableKey";
	refused(&m, "InvalidSignatureException");
	build(&m, KMS_VECTOR);
	m.headers[0].value = "other.amazonaws.com";
	refused(&m, "InvalidSignatureException");
	build(&m, KMS_VECTOR);
	m.headers[1].value = "20150830T123601Z";
	refused(&m, "InvalidSignatureException");
}

static void unsigned_amz_header_is_refused(void **state)
{
	struct message m;

	/* The signature of post-vanilla is good, but it does not cover the operation. */
	build(&m, &vectors[0]);
	put(&m, "X-Amz-Target", "TrentService.Decrypt");
	refused(&m, "InvalidSignatureException");
	build(&m, KMS_VECTOR);
	put(&m, "x-amz-anything", "1");
	refused(&m, "InvalidSignatureException");
	/* An unsigned header without the prefix X-Amz- is accepted, as AWS does. */
	build(&m, KMS_VECTOR);
	put(&m, "Accept-Encoding", "identity");
	assert_int_equal(verify(&m, NULL), 0);
}

static void signed_header_must_be_there(void **state)
{
	struct message m;

	build(&m, &vectors[1]);
	m.count--;
	refused(&m, "InvalidSignatureException");
}

static void host_must_be_signed(void **state)
{
	struct vector v = vectors[0];
	struct message m;

	v.signed_headers = "x-amz-date";
	build(&m, &v);
	refused(&m, "InvalidSignatureException");
}

static void wrong_secret_region_or_service_is_refused(void **state)
{
	struct message m;

	build(&m, KMS_VECTOR);
	m.secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEZ";
	refused(&m, "InvalidSignatureException");
	build(&m, KMS_VECTOR);
	m.region = "eu-west-1";
	refused(&m, "InvalidSignatureException");
	build(&m, KMS_VECTOR);
	m.service = "rds";
	refused(&m, "InvalidSignatureException");
}

static void clock_may_be_five_minutes_off(void **state)
{
	static const struct {
		int64_t offset;
		int ok;
	} rows[] = { { 0, 1 }, { 300, 1 }, { -300, 1 }, { 301, 0 }, { -301, 0 }, { 86400, 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message m;

		build(&m, KMS_VECTOR);
		m.now += rows[i].offset;
		if (rows[i].ok)
			assert_int_equal(verify(&m, NULL), 0);
		else
			refused(&m, "InvalidSignatureException");
	}
}

static void bad_dates_are_refused(void **state)
{
	static const char *const dates[] = { "",
					     "20150830",
					     "20150830T123600",
					     "20150830T12360ZZ",
					     "20150830 123600Z",
					     "20150830T123600z",
					     "20150830T1236 0Z",
					     "201508 3T123600Z",
					     "20150830T123560Z",
					     "20150230T123600Z" };

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		struct message m;

		build(&m, KMS_VECTOR);
		m.headers[1].value = dates[i];
		refused(&m, "IncompleteSignatureException");
	}
}

static void missing_token(void **state)
{
	struct message m;

	build(&m, KMS_VECTOR);
	m.authorization[0] = '\0';
	refused(&m, "MissingAuthenticationTokenException");
}

static void incomplete_authorization(void **state)
{
	static const char *const headers[] = {
		"Basic QWxhZGRpbjpvcGVu",
		"AWS4-HMAC-SHA256",
		"AWS4-HMAC-SHA256 ",
		"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=ab",
		"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/kms/aws4_request, Signature=ab",
		"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/kms/aws4_request, SignedHeaders=host",
		"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/kms, SignedHeaders=host, Signature=ab",
		"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/kms/aws5_request, SignedHeaders=host, Signature=ab",
		"AWS4-HMAC-SHA256 Credential=/20150830/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=ab",
		"AWS4-HMAC-SHA256 Credential=A/201508301/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=ab",
		"AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct message m;

		build(&m, KMS_VECTOR);
		snprintf(m.authorization, sizeof(m.authorization), "%s", headers[i]);
		refused(&m, "IncompleteSignatureException");
	}
}

static void short_or_long_signature_is_refused(void **state)
{
	struct message m;

	build(&m, KMS_VECTOR);
	m.authorization[strlen(m.authorization) - 1] = '\0';
	refused(&m, "InvalidSignatureException");
	build(&m, KMS_VECTOR);
	strcat(m.authorization, "0");
	refused(&m, "IncompleteSignatureException");
}

static void session_token_is_unrecognized(void **state)
{
	struct message m;

	build(&m, KMS_VECTOR);
	put(&m, "X-Amz-Security-Token", "token");
	refused(&m, "UnrecognizedClientException");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_verify),
		cmocka_unit_test(signatures_of_other_requests_are_refused),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(changed_header_is_refused),
		cmocka_unit_test(unsigned_amz_header_is_refused),
		cmocka_unit_test(signed_header_must_be_there),
		cmocka_unit_test(host_must_be_signed),
		cmocka_unit_test(wrong_secret_region_or_service_is_refused),
		cmocka_unit_test(clock_may_be_five_minutes_off),
		cmocka_unit_test(bad_dates_are_refused),
		cmocka_unit_test(missing_token),
		cmocka_unit_test(incomplete_authorization),
		cmocka_unit_test(short_or_long_signature_is_refused),
		cmocka_unit_test(session_token_is_unrecognized),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
