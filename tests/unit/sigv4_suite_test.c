// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/sigv4_fixture.c */
/*
 * Each case of AWS's published test suite for Signature Version 4, by its name, as aws-c-auth has the
 * suite (495329c, tests/aws-signing-test-suite/v4): 10 requests with POST and 28 with GET. One
 * case has another signature in the archive that AWS gave out before, which verifies too.
 *
 * A service takes a POST to "/" without a query and without a session token, see http_posts_to_root().
 * So most cases are requests that no service here takes: their signatures, which are right, give nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sigv4_fixture.h"

#define FORM_DIGEST "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"
#define SESSION_TOKEN                                                                      \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwA" \
	"eMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8p" \
	"hUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT" \
	"38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabI" \
	"Qwj2ICCR/oLxBA=="

/* Requests that are taken. The signature of post-sts-header-after is that of post-vanilla. */
static const struct vector taken[] = {
	{ "post-vanilla",
	  "service",
	  { { 0 } },
	  "host;x-amz-date",
	  "",
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-header-key-case",
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
	  { { "Content-Type", "application/x-www-form-urlencoded" },
	    { "Content-Length", "13" },
	    { "x-amz-content-sha256", FORM_DIGEST } },
	  "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	  "Param1=value1",
	  "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },
	{ "post-x-www-form-urlencoded-parameters",
	  "service",
	  { { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" },
	    { "Content-Length", "13" },
	    { "x-amz-content-sha256", FORM_DIGEST } },
	  "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	  "Param1=value1",
	  "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422" },
};

/* As the archive has it: no header with the digest of the body. */
static const struct vector of_the_archive[] = {
	{ "post-x-www-form-urlencoded",
	  "service",
	  { { "Content-Type", "application/x-www-form-urlencoded" } },
	  "content-type;host;x-amz-date",
	  "Param1=value1",
	  "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
};

/* POSTs that are not taken, and why. */
static const struct {
	const char *fault;
	struct vector vector;
} refused[] = {
	/* They have a session token. */
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
	/* They sign a query. */
	{ "InvalidSignatureException",
	  { "post-vanilla-query",
	    "service",
	    { { 0 } },
	    "host;x-amz-date",
	    "",
	    "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" } },
	{ "InvalidSignatureException",
	  { "post-vanilla-empty-query-value",
	    "service",
	    { { 0 } },
	    "host;x-amz-date",
	    "",
	    "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" } },
};

/* GETs, which are not taken: of paths and queries in all forms, and of values of headers. */
#define GET_TOKEN "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"

static const struct {
	const char *name;
	const char *signature;
	struct http_header extra[4];
} gets[] = {
	{ "get-header-key-duplicate",
	  "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
	  { { "My-Header1", "value2" }, { "My-Header1", "value2" }, { "My-Header1", "value1" } } },
	{ "get-header-value-multiline",
	  "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
	  { { "My-Header1", "value1 value2 value3" } } },
	{ "get-header-value-order",
	  "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
	  { { "My-Header1", "value4" },
	    { "My-Header1", "value1" },
	    { "My-Header1", "value3" },
	    { "My-Header1", "value2" } } },
	{ "get-header-value-trim",
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
	  { { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\"" } } },
	{ "get-relative-normalized",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	  { { 0 } } },
	{ "get-relative-relative-normalized",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	  { { 0 } } },
	{ "get-relative-relative-unnormalized",
	  "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b",
	  { { 0 } } },
	{ "get-relative-unnormalized",
	  "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282",
	  { { 0 } } },
	{ "get-slash-dot-slash-normalized",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	  { { 0 } } },
	{ "get-slash-dot-slash-unnormalized",
	  "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145",
	  { { 0 } } },
	{ "get-slash-normalized",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	  { { 0 } } },
	{ "get-slash-pointless-dot-normalized",
	  "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
	  { { 0 } } },
	{ "get-slash-pointless-dot-unnormalized",
	  "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff",
	  { { 0 } } },
	{ "get-slash-unnormalized",
	  "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e",
	  { { 0 } } },
	{ "get-slashes-normalized",
	  "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
	  { { 0 } } },
	{ "get-slashes-unnormalized",
	  "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
	  { { 0 } } },
	{ "get-space-normalized",
	  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
	  { { 0 } } },
	{ "get-space-unnormalized",
	  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
	  { { 0 } } },
	{ "get-unreserved",
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
	  { { 0 } } },
	{ "get-utf8",
	  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
	  { { 0 } } },
	{ "get-vanilla-empty-query-key",
	  "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
	  { { 0 } } },
	{ "get-vanilla-query-order-encoded",
	  "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
	  { { 0 } } },
	{ "get-vanilla-query-order-key-case",
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
	  { { 0 } } },
	{ "get-vanilla-query-unreserved",
	  "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
	  { { 0 } } },
	{ "get-vanilla-query",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	  { { 0 } } },
	{ "get-vanilla-utf8-query",
	  "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
	  { { 0 } } },
	{ "get-vanilla-with-session-token",
	  "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
	  { { "X-Amz-Security-Token", GET_TOKEN } } },
	{ "get-vanilla",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	  { { 0 } } },
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define CASES	    38 /* of the suite */

static void verifies(const struct vector *v)
{
	struct fault f = { 0 };
	struct message m;

	build(&m, v);
	if (verify(&m, &f))
		fail_msg("%s: %s: %s", v->name, f.code, f.message);
}

static void is_refused(const struct vector *v, const char *code)
{
	struct fault f = { 0 };
	struct message m;

	build(&m, v);
	if (!verify(&m, &f) || strcmp(f.code, code))
		fail_msg("%s: expected %s, seen %s", v->name, code,
			 f.code[0] ? f.code : "no fault");
}

static void published_vectors_verify(void **state)
{
	for (size_t i = 0; i < COUNT(taken); i++)
		verifies(&taken[i]);
	for (size_t i = 0; i < COUNT(of_the_archive); i++)
		verifies(&of_the_archive[i]);
}

/* What post-header-key-case was made for: requests whose names of headers have another case. */
static void case_of_a_name_of_a_header_does_not_count(void **state)
{
	for (size_t i = 0; i < COUNT(taken); i++) {
		struct fault f = { 0 };
		char names[HEADERS_MAX][64];
		struct message m;

		build(&m, &taken[i]);
		for (size_t j = 0; j < m.count; j++) {
			snprintf(names[j], sizeof(names[j]), "%s", m.headers[j].name);
			for (char *at = names[j]; *at; at++)
				*at = (char)((at - names[j]) % 2 ? tolower(*at) : toupper(*at));
			m.headers[j].name = names[j];
		}
		if (verify(&m, &f))
			fail_msg("%s: %s: %s", taken[i].name, f.code, f.message);
	}
}

static void signatures_of_other_posts_are_refused(void **state)
{
	for (size_t i = 0; i < COUNT(refused); i++)
		is_refused(&refused[i].vector, refused[i].fault);
}

static const char *signed_headers(const struct http_header *extra)
{
	if (!extra[0].name)
		return "host;x-amz-date";
	if (!strcmp(extra[0].name, "X-Amz-Security-Token"))
		return "host;x-amz-date;x-amz-security-token";
	return extra[1].name && !strcmp(extra[1].name, "My-Header2")
		       ? "host;my-header1;my-header2;x-amz-date"
		       : "host;my-header1;x-amz-date";
}

static void signatures_of_gets_are_refused(void **state)
{
	for (size_t i = 0; i < COUNT(gets); i++) {
		struct vector v = { .name = gets[i].name,
				    .service = "service",
				    .body = "",
				    .signature = gets[i].signature };

		memcpy(v.extra, gets[i].extra, sizeof(v.extra));
		v.signed_headers = signed_headers(v.extra);
		is_refused(&v, strstr(v.signed_headers, "token") ? "UnrecognizedClientException"
								 : "InvalidSignatureException");
	}
}

static void each_case_of_the_suite_is_here_once(void **state)
{
	const char *names[CASES] = { 0 };
	size_t count = 0;

	assert_int_equal(COUNT(taken) + COUNT(refused) + COUNT(gets), CASES);
	for (size_t i = 0; i < COUNT(taken); i++)
		names[count++] = taken[i].name;
	for (size_t i = 0; i < COUNT(refused); i++)
		names[count++] = refused[i].vector.name;
	for (size_t i = 0; i < COUNT(gets); i++)
		names[count++] = gets[i].name;
	for (size_t i = 0; i < CASES; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_verify),
		cmocka_unit_test(case_of_a_name_of_a_header_does_not_count),
		cmocka_unit_test(signatures_of_other_posts_are_refused),
		cmocka_unit_test(signatures_of_gets_are_refused),
		cmocka_unit_test(each_case_of_the_suite_is_here_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sigv4 suite", tests, NULL, NULL);
}
