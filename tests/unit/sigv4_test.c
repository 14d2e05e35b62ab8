// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/sigv4_fixture.c */
/*
 * Signature Version 4 against two cases of AWS's suite (sigv4_suite_test.c has all of them), three
 * requests that botocore 1.29 signed, and every change of a good request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sigv4_fixture.h"

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
};

#define KMS_VECTOR (&vectors[4])

static void refused(struct message *m, const char *code)
{
	struct fault f = { 0 };

	assert_int_equal(verify(m, &f), -1);
	assert_string_equal(f.code, code);
}

static void good_requests_verify(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct fault f = { 0 };
		struct message m;

		build(&m, &vectors[i]);
		if (verify(&m, &f))
			fail_msg("%s: %s: %s", vectors[i].name, f.code, f.message);
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
		cmocka_unit_test(good_requests_verify),
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
