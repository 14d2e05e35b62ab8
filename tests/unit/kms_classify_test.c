// SPDX-License-Identifier: MIT
/*
 * The meaning of each answer of a KMS and of servers that are not a KMS. The table has one row
 * per answer, since a wrong "denied" ends a cluster for good, and a wrong "ok" keeps a revoked
 * key alive.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <curl/curl.h>

#include "lib/kms/kms_client.h"

#define ARN "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static const struct {
	const char *name;
	long status;
	const char *type;
	int curl_code;
	enum kms_outcome expected;
} rows[] = {
	{ "success", 200, NULL, 0, KMS_OK },
	{ "dry run shows access", 412, "DryRunOperationException", 0, KMS_OK },
	{ "dry run, as KMS's model numbers it", 400, "DryRunOperationException", 0, KMS_OK },

	{ "no permission", 400, "AccessDeniedException", 0, KMS_DENIED },
	{ "disabled", 400, "DisabledException", 0, KMS_DENIED },
	{ "disabled, as KMS's model numbers it", 409, "DisabledException", 0, KMS_DENIED },
	{ "deleted", 400, "NotFoundException", 0, KMS_DENIED },
	{ "deleted, with 404", 404, "NotFoundException", 0, KMS_DENIED },
	{ "wrong context or damaged blob", 400, "InvalidCiphertextException", 0, KMS_DENIED },
	{ "another key's blob", 400, "IncorrectKeyException", 0, KMS_DENIED },
	{ "no permission, with 403", 403, "AccessDeniedException", 0, KMS_DENIED },

	{ "DNS", 0, NULL, CURLE_COULDNT_RESOLVE_HOST, KMS_UNREACHABLE },
	{ "connection refused", 0, NULL, CURLE_COULDNT_CONNECT, KMS_UNREACHABLE },
	{ "timeout", 0, NULL, CURLE_OPERATION_TIMEDOUT, KMS_UNREACHABLE },
	{ "TLS handshake", 0, NULL, CURLE_SSL_CONNECT_ERROR, KMS_UNREACHABLE },
	{ "certificate not trusted", 0, NULL, CURLE_PEER_FAILED_VERIFICATION, KMS_UNREACHABLE },
	{ "CA file broken", 0, NULL, CURLE_SSL_CACERT_BADFILE, KMS_UNREACHABLE },
	{ "answer too large", 200, NULL, CURLE_WRITE_ERROR, KMS_UNREACHABLE },
	{ "answer cut off", 200, NULL, CURLE_PARTIAL_FILE, KMS_UNREACHABLE },
	{ "closed without an answer", 0, NULL, CURLE_GOT_NOTHING, KMS_UNREACHABLE },
	{ "given up", 0, NULL, CURLE_ABORTED_BY_CALLBACK, KMS_UNREACHABLE },
	{ "denial whose transfer broke", 400, "AccessDeniedException", CURLE_PARTIAL_FILE,
	  KMS_UNREACHABLE },

	{ "internal error", 500, "KMSInternalException", 0, KMS_UNREACHABLE },
	{ "bad gateway", 502, NULL, 0, KMS_UNREACHABLE },
	{ "unavailable", 503, NULL, 0, KMS_UNREACHABLE },
	{ "gateway timeout", 504, NULL, 0, KMS_UNREACHABLE },
	{ "a denial in the 5xx range is a broken server", 500, "AccessDeniedException", 0,
	  KMS_UNREACHABLE },
	{ "throttled", 400, "ThrottlingException", 0, KMS_UNREACHABLE },
	{ "throttled, by a gateway", 429, NULL, 0, KMS_UNREACHABLE },
	{ "too many requests", 429, "TooManyRequestsException", 0, KMS_UNREACHABLE },
	{ "limit", 400, "LimitExceededException", 0, KMS_UNREACHABLE },
	{ "key store away", 400, "KeyUnavailableException", 0, KMS_UNREACHABLE },
	{ "dependency", 400, "DependencyTimeoutException", 0, KMS_UNREACHABLE },
	{ "internal, with 400", 400, "KMSInternalException", 0, KMS_UNREACHABLE },

	{ "403 of a proxy", 403, NULL, 0, KMS_UNREACHABLE },
	{ "403 of a proxy, empty type", 403, "", 0, KMS_UNREACHABLE },
	{ "403 of an API gateway", 403, "ForbiddenException", 0, KMS_UNREACHABLE },
	{ "404 of a web server", 404, NULL, 0, KMS_UNREACHABLE },
	{ "404 of another service", 404, "UnknownOperationException", 0, KMS_UNREACHABLE },
	{ "400 of a proxy", 400, NULL, 0, KMS_UNREACHABLE },
	{ "407", 407, NULL, 0, KMS_UNREACHABLE },
	{ "redirect to a captive portal", 302, NULL, 0, KMS_UNREACHABLE },
	{ "redirect that names a denial", 302, "AccessDeniedException", 0, KMS_UNREACHABLE },
	{ "204", 204, NULL, 0, KMS_UNREACHABLE },
	{ "no status", 0, NULL, 0, KMS_UNREACHABLE },

	{ "access key unknown", 400, "UnrecognizedClientException", 0, KMS_UNREACHABLE },
	{ "access key unknown, query API's word", 403, "InvalidClientTokenId", 0, KMS_UNREACHABLE },
	{ "secret key wrong, or clock", 400, "InvalidSignatureException", 0, KMS_UNREACHABLE },
	{ "secret key wrong, older word", 403, "SignatureDoesNotMatch", 0, KMS_UNREACHABLE },
	{ "signature incomplete", 400, "IncompleteSignature", 0, KMS_UNREACHABLE },
	{ "no signature", 400, "MissingAuthenticationToken", 0, KMS_UNREACHABLE },
	{ "token expired", 400, "ExpiredTokenException", 0, KMS_UNREACHABLE },
	{ "clock wrong", 400, "RequestExpired", 0, KMS_UNREACHABLE },

	{ "validation", 400, "ValidationException", 0, KMS_BAD_REQUEST },
	{ "ARN", 400, "InvalidArnException", 0, KMS_BAD_REQUEST },
	{ "operation unknown", 400, "UnknownOperationException", 0, KMS_BAD_REQUEST },
	{ "key usage", 400, "InvalidKeyUsageException", 0, KMS_BAD_REQUEST },
	{ "grant token", 400, "InvalidGrantTokenException", 0, KMS_BAD_REQUEST },
	{ "not JSON", 400, "SerializationException", 0, KMS_BAD_REQUEST },
	{ "a word of the future", 400, "BrandNewException", 0, KMS_BAD_REQUEST },
	{ "a word that only begins like a denial", 400, "AccessDeniedExceptionX", 0,
	  KMS_BAD_REQUEST },
	{ "a denial in other letters", 400, "accessdeniedexception", 0, KMS_BAD_REQUEST },
};

/* KMSInvalidStateException has the reason in its message only. */
static const struct {
	const char *name;
	long status;
	const char *message;
	enum kms_outcome expected;
} invalid_states[] = {
	{ "pending deletion", 400, ARN " is pending deletion.", KMS_DENIED },
	{ "pending deletion, with 409", 409, ARN " is pending deletion.", KMS_DENIED },
	{ "pending replica deletion", 400, ARN " is pending replica deletion.", KMS_DENIED },
	{ "pending import", 400, ARN " is pending import.", KMS_DENIED },

	{ "custom key store disconnected", 400, ARN " is unavailable.", KMS_UNREACHABLE },
	{ "being created", 400, ARN " is creating.", KMS_UNREACHABLE },
	{ "being updated", 400, ARN " is updating.", KMS_UNREACHABLE },
	{ "not pending deletion", 400, ARN " is not pending deletion.", KMS_UNREACHABLE },
	{ "no message", 400, NULL, KMS_UNREACHABLE },
	{ "empty message", 400, "", KMS_UNREACHABLE },
	{ "a broken server", 500, ARN " is pending deletion.", KMS_UNREACHABLE },
	{ "a redirect", 302, ARN " is pending deletion.", KMS_UNREACHABLE },
};

static void each_answer_means_what_the_table_says(void **state)
{
	const size_t count = sizeof(rows) / sizeof(rows[0]);
	unsigned int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		enum kms_outcome seen = kms_classify(rows[i].status, rows[i].type, NULL,
						     rows[i].curl_code);

		if (seen == rows[i].expected)
			continue;
		print_error("row %zu, %s: expected %s, seen %s\n", i + 1, rows[i].name,
			    kms_outcome_name(rows[i].expected), kms_outcome_name(seen));
		wrong++;
	}
	if (wrong)
		fail_msg("%u of %zu rows", wrong, count);
}

static void an_invalid_state_is_a_denial_only_when_the_key_goes(void **state)
{
	const size_t count = sizeof(invalid_states) / sizeof(invalid_states[0]);
	unsigned int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		enum kms_outcome seen = kms_classify(invalid_states[i].status,
						     "KMSInvalidStateException",
						     invalid_states[i].message, 0);

		if (seen == invalid_states[i].expected)
			continue;
		print_error("%s: expected %s, seen %s\n", invalid_states[i].name,
			    kms_outcome_name(invalid_states[i].expected), kms_outcome_name(seen));
		wrong++;
	}
	if (wrong)
		fail_msg("%u of %zu rows", wrong, count);
}

/* The message of another exception changes nothing. */
static void no_other_message_is_a_verdict(void **state)
{
	static const char going[] = ARN " is pending deletion.";

	assert_int_equal(kms_classify(400, "ThrottlingException", going, 0), KMS_UNREACHABLE);
	assert_int_equal(kms_classify(400, "ValidationException", going, 0), KMS_BAD_REQUEST);
	assert_int_equal(kms_classify(400, NULL, going, 0), KMS_UNREACHABLE);
	assert_int_equal(kms_classify(400, "DisabledException", NULL, 0), KMS_DENIED);
}

/* An error of libcurl is never the KMS's verdict. */
static void no_transport_error_is_a_verdict(void **state)
{
	for (int code = 1; code < CURL_LAST; code++)
		assert_int_equal(kms_classify(400, "AccessDeniedException", NULL, code),
				 KMS_UNREACHABLE);
}

/* Without an exception, every status except 200 is "unreachable". */
static void no_bare_status_is_a_denial(void **state)
{
	for (long status = 0; status < 1000; status++)
		assert_int_equal(kms_classify(status, NULL, NULL, 0),
				 status == 200 ? KMS_OK : KMS_UNREACHABLE);
}

static void endpoints_are_parsed(void **state)
{
	static const char *const wrong[] = {
		"",
		"unix:",
		"unix:relative",
		"http://kms",
		"https://",
		"kms.us-east-1.amazonaws.com",
		"/run/kms.sock",
		"file:///etc/passwd",
	};
	struct kms_endpoint endpoint = { 0 };
	struct fault f;

	assert_int_equal(kms_endpoint_parse("unix:/run/kms.sock", &endpoint, NULL), 0);
	assert_string_equal(endpoint.unix_path, "/run/kms.sock");
	assert_null(endpoint.url);
	assert_int_equal(kms_endpoint_parse("https://[::1]:8443", &endpoint, NULL), 0);
	assert_string_equal(endpoint.url, "https://[::1]:8443");
	assert_null(endpoint.unix_path);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(kms_endpoint_parse(wrong[i], &endpoint, &f), -1);
		assert_string_equal(f.code, "InvalidConfiguration");
	}
}

/* A denial at a second endpoint would end what the first one still grants. */
static void only_silence_sends_a_call_to_another_endpoint(void **state)
{
	static const struct {
		enum kms_outcome outcome;
		const char *code;
		bool silent;
	} answers[] = {
		{ KMS_UNREACHABLE, "KMSUnreachable", true },
		{ KMS_UNREACHABLE, "KMSInternalException", true },
		{ KMS_UNREACHABLE, "DependencyTimeoutException", true },
		{ KMS_UNREACHABLE, "DisabledException", true }, /* with a status of 5xx */
		{ KMS_UNREACHABLE, "ThrottlingException", false },
		{ KMS_UNREACHABLE, "LimitExceededException", false },
		{ KMS_UNREACHABLE, "KMSInvalidStateException", false },
		{ KMS_UNREACHABLE, "ExpiredTokenException", false },
		{ KMS_UNREACHABLE, "UnrecognizedClientException", false },
		{ KMS_UNREACHABLE, "CredentialsUnavailable", false },
		{ KMS_DENIED, "DisabledException", false },
		{ KMS_DENIED, "AccessDeniedException", false },
		{ KMS_BAD_REQUEST, "ValidationException", false },
		{ KMS_OK, "", false },
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		if (kms_is_silent(answers[i].outcome, answers[i].code) != answers[i].silent)
			fail_msg("%s %s: expected %s", kms_outcome_name(answers[i].outcome),
				 answers[i].code, answers[i].silent ? "silence" : "an answer");
}

static void only_some_exceptions_say_that_the_caller_is_not_known(void **state)
{
	assert_false(kms_knows_caller("UnrecognizedClientException"));
	assert_false(kms_knows_caller("MissingAuthenticationTokenException"));
	assert_false(kms_knows_caller("OptInRequired"));
	assert_true(kms_knows_caller("AccessDeniedException"));
	assert_true(kms_knows_caller("ThrottlingException"));
	assert_true(kms_knows_caller("KMSUnreachable"));
	assert_true(kms_knows_caller(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_means_what_the_table_says),
		cmocka_unit_test(an_invalid_state_is_a_denial_only_when_the_key_goes),
		cmocka_unit_test(no_other_message_is_a_verdict),
		cmocka_unit_test(no_transport_error_is_a_verdict),
		cmocka_unit_test(no_bare_status_is_a_denial),
		cmocka_unit_test(endpoints_are_parsed),
		cmocka_unit_test(only_silence_sends_a_call_to_another_endpoint),
		cmocka_unit_test(only_some_exceptions_say_that_the_caller_is_not_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
