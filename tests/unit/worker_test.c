// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/kms_fixture.c ../tests/unit/worker_fixture.c */
/*
 * envelope-kms-worker, started as the agent starts it, against the real envelope-kms, and against
 * servers that are not a KMS: proxies, hung servers, endless answers.
 *
 * The programs are taken from the folder above that of this test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms_fixture.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/kms/worker.h"
#include "worker_fixture.h"

#define CONTEXT	      "{\"dm-envelope:volume-id\":\"vol-0123456789abcdef0\"}"
#define OTHER_CONTEXT "{\"dm-envelope:volume-id\":\"vol-ffffffffffffffff0\"}"

static const char *key_id;

/* ---- against the embedded KMS ---- */

/* A data key: its blob (base64, freed by the caller) and, if @plaintext, the key itself. */
static char *data_key(const struct config *cfg, const char *context, struct secret **plaintext)
{
	struct worker_result _cleanup_result_ result =
		worker_run(cfg, "GenerateDataKey",
			   json("{\"KeyId\":\"%s\",\"NumberOfBytes\":64,\"EncryptionContext\":%s}",
				key_id, context));
	char *blob;

	worker_expect(&result, KMS_OK, "");
	assert_non_null(result.plaintext);
	assert_int_equal(result.plaintext->size, 64);
	blob = strdup(json_get_string(result.response, "CiphertextBlob"));
	if (plaintext) {
		*plaintext = result.plaintext;
		result.plaintext = NULL;
	}
	return blob;
}

static struct json_object *decrypt_request(const char *blob, const char *context, bool dry_run)
{
	return json("{\"KeyId\":\"%s\",\"CiphertextBlob\":\"%s\",\"EncryptionContext\":%s%s}",
		    key_id, blob, context, dry_run ? ",\"DryRun\":true" : "");
}

static void generate_and_decrypt_give_the_same_key(void **state)
{
	struct config cfg = worker_config(kms->endpoint);
	struct secret *key;
	char *blob = data_key(&cfg, CONTEXT, &key);
	struct worker_result _cleanup_result_ result =
		worker_run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, false));

	worker_expect(&result, KMS_OK, "");
	assert_non_null(result.plaintext);
	assert_true(secret_equal(result.plaintext, key));
	assert_string_equal(json_get_string(result.response, "KeyId"), key_id);
	secret_free(key);
	free(blob);
}

static void the_same_over_tls_with_a_ca_file(void **state)
{
	struct config cfg = worker_config(kms->tls_endpoint),
		      unix_cfg = worker_config(kms->endpoint);
	struct secret *key;
	char *blob;

	cfg.ca_file = (char *)kms->ca_file;
	blob = data_key(&cfg, CONTEXT, &key);
	{
		struct worker_result _cleanup_result_ result =
			worker_run(&unix_cfg, "Decrypt", decrypt_request(blob, CONTEXT, false));

		worker_expect(&result, KMS_OK, "");
		assert_true(secret_equal(result.plaintext, key));
	}
	secret_free(key);
	free(blob);
}

static char *read_file(const char *path)
{
	char *text = NULL;
	struct fault f;

	if (file_read_text(path, 1 << 20, &text, &f))
		fail_msg("%s", f.message);
	return text;
}

/* Debian's own bundle has 220 KiB, and tokens of AWS have up to 8 KiB. */
static void a_large_ca_file_and_a_long_session_token(void **state)
{
	struct config cfg = worker_config(kms->tls_endpoint);
	char *ca = read_file(kms->ca_file), *profiles = read_file(kms->credentials);
	char bundle[160], credentials[160], *own = strstr(profiles, "[enveloped]");
	FILE *file;

	snprintf(bundle, sizeof(bundle), "%s/bundle.pem", kms->directory);
	snprintf(credentials, sizeof(credentials), "%s/temporary", kms->directory);
	file = fopen(bundle, "w");
	assert_non_null(file);
	for (size_t i = 0; i < 1 + (300 << 10) / strlen(ca); i++)
		fputs(ca, file);
	fclose(file);
	umask(077);
	file = fopen(credentials, "w");
	assert_non_null(file);
	/* Nobody there says whose the credentials are. */
	setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1", 1);
	fprintf(file, "[enveloped]\naws_session_token=%08192d\n%s", 7, strchr(own, '\n') + 1);
	fclose(file);
	umask(022);
	cfg.ca_file = bundle;
	{
		struct worker_result _cleanup_result_ result =
			worker_run(&cfg, "DescribeKey", json("{\"KeyId\":\"%s\"}", key_id));

		worker_expect(&result, KMS_OK, "");
	}
	/* The token reaches the embedded KMS, which gives none away. */
	cfg.credentials_file = credentials;
	{
		struct worker_result _cleanup_result_ result =
			worker_run(&cfg, "DescribeKey", json("{\"KeyId\":\"%s\"}", key_id));

		worker_expect(&result, KMS_UNREACHABLE, "UnrecognizedClientException");
	}
	unlink(bundle);
	unlink(credentials);
	free(ca);
	free(profiles);
}

static void a_certificate_that_is_not_trusted_is_unreachable(void **state)
{
	struct config cfg = worker_config(kms->tls_endpoint);
	struct worker_result _cleanup_result_ result =
		worker_run(&cfg, "DescribeKey", json("{\"KeyId\":\"%s\"}", key_id));

	worker_expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
	assert_non_null(strstr(result.fault.message, "certificate"));
}

static void reencrypt_moves_a_blob_to_another_context(void **state)
{
	struct config cfg = worker_config(kms->endpoint);
	struct secret *key;
	char *blob = data_key(&cfg, CONTEXT, &key), *moved;
	struct worker_result _cleanup_result_ result =
		worker_run(&cfg, "ReEncrypt",
			   json("{\"CiphertextBlob\":\"%s\",\"SourceKeyId\":\"%s\",\"SourceEncryptionContext\":%s,"
				"\"DestinationKeyId\":\"%s\",\"DestinationEncryptionContext\":%s}",
				blob, key_id, CONTEXT, key_id, OTHER_CONTEXT));

	worker_expect(&result, KMS_OK, "");
	assert_null(result.plaintext);
	moved = strdup(json_get_string(result.response, "CiphertextBlob"));
	worker_drop(&result);

	result = worker_run(&cfg, "Decrypt", decrypt_request(moved, OTHER_CONTEXT, false));
	worker_expect(&result, KMS_OK, "");
	assert_true(secret_equal(result.plaintext, key));
	worker_drop(&result);

	result = worker_run(&cfg, "Decrypt", decrypt_request(moved, CONTEXT, false));
	worker_expect(&result, KMS_DENIED, "InvalidCiphertextException");
	secret_free(key);
	free(moved);
	free(blob);
}

static void a_dry_run_proves_access_and_gives_no_key(void **state)
{
	struct config cfg = worker_config(kms->endpoint);
	char *blob = data_key(&cfg, CONTEXT, NULL);
	struct worker_result _cleanup_result_ result =
		worker_run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, true));

	worker_expect(&result, KMS_OK, "");
	assert_null(result.plaintext);
	free(blob);
}

static void a_disabled_key_is_denied_and_an_enabled_one_is_not(void **state)
{
	struct config cfg = worker_config(kms->endpoint);
	char *blob = data_key(&cfg, CONTEXT, NULL);
	struct worker_result _cleanup_result_ result = { 0 };

	kms_fixture_key("DisableKey", key_id);
	result = worker_run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, true));
	worker_expect(&result, KMS_DENIED, "DisabledException");
	worker_drop(&result);
	result = worker_run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, false));
	worker_expect(&result, KMS_DENIED, "DisabledException");
	worker_drop(&result);

	kms_fixture_key("ScheduleKeyDeletion", key_id);
	result = worker_run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, true));
	worker_expect(&result, KMS_DENIED, "KMSInvalidStateException");
	worker_drop(&result);

	kms_fixture_key("CancelKeyDeletion", key_id);
	kms_fixture_key("EnableKey", key_id);
	result = worker_run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, true));
	worker_expect(&result, KMS_OK, "");
	free(blob);
}

static void missing_keys_are_denied_and_wrong_requests_are_not(void **state)
{
	struct config cfg = worker_config(kms->endpoint);
	struct worker_result _cleanup_result_ result =
		worker_run(&cfg, "DescribeKey",
			   json("{\"KeyId\":\"00000000-0000-0000-0000-000000000000\"}"));

	worker_expect(&result, KMS_DENIED, "NotFoundException");
	worker_drop(&result);
	result = worker_run(&cfg, "GenerateDataKey",
			    json("{\"KeyId\":\"%s\",\"NumberOfBytes\":0}", key_id));
	worker_expect(&result, KMS_BAD_REQUEST, "ValidationException");
}

static void unknown_credentials_are_no_verdict(void **state)
{
	struct config cfg = worker_config(kms->endpoint);
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/other-credentials", kms->directory);
	file = fopen(path, "w");
	fprintf(file, "[enveloped]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
		      "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n");
	fclose(file);
	chmod(path, 0600);
	cfg.credentials_file = path;
	{
		struct worker_result _cleanup_result_ result =
			worker_run(&cfg, "DescribeKey", json("{\"KeyId\":\"%s\"}", key_id));

		worker_expect(&result, KMS_UNREACHABLE, "UnrecognizedClientException");
	}
}

/* ---- servers that are not a KMS ---- */

#define ANSWER(status, headers, body) \
	"HTTP/1.1 " status "\r\nConnection: close\r\n" headers "\r\n" body

static void impostors_are_never_a_verdict(void **state)
{
	static const struct {
		const char *name, *answer;
		size_t repeat;
		enum kms_outcome expected;
		const char *code;
	} rows[] = {
		{ "200 and nothing", ANSWER("200 OK", "", ""), 0, KMS_UNREACHABLE,
		  "KMSInternalException" },
		{ "403 in HTML",
		  ANSWER("403 Forbidden", "Content-Type: text/html\r\n",
			 "<h1>Access denied by policy</h1>"),
		  0, KMS_UNREACHABLE, "KMSUnreachable" },
		{ "403 in JSON, no type",
		  ANSWER("403 Forbidden", "", "{\"message\":\"Forbidden\"}"), 0, KMS_UNREACHABLE,
		  "KMSUnreachable" },
		{ "403 of an API gateway",
		  ANSWER("403 Forbidden", "x-amzn-ErrorType: ForbiddenException\r\n",
			 "{\"message\":\"Forbidden\"}"),
		  0, KMS_UNREACHABLE, "ForbiddenException" },
		{ "404", ANSWER("404 Not Found", "", "not here"), 0, KMS_UNREACHABLE,
		  "KMSUnreachable" },
		{ "captive portal", ANSWER("200 OK", "Content-Type: text/html\r\n", "<html>log in"),
		  0, KMS_UNREACHABLE, "KMSUnreachable" },
		{ "redirect", ANSWER("302 Found", "Location: http://localhost/\r\n", ""), 0,
		  KMS_UNREACHABLE, "KMSUnreachable" },
		{ "a JSON array", ANSWER("200 OK", "", "[]"), 0, KMS_UNREACHABLE,
		  "KMSUnreachable" },
		{ "503", ANSWER("503 Service Unavailable", "", "{}"), 0, KMS_UNREACHABLE,
		  "KMSUnreachable" },
		{ "cut off",
		  ANSWER("400 Bad Request", "Content-Length: 500\r\n",
			 "{\"__type\":\"AccessDeniedException\"}"),
		  0, KMS_UNREACHABLE, "KMSUnreachable" },
		{ "endless", ANSWER("200 OK", "", "{\"a\":\""), 200, KMS_UNREACHABLE,
		  "KMSUnreachable" },
		{ "not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", 0, KMS_UNREACHABLE, "KMSUnreachable" },
		{ "nothing", "", 0, KMS_UNREACHABLE, "KMSUnreachable" },
		{ "a denial with 302",
		  ANSWER("302 Found", "", "{\"__type\":\"AccessDeniedException\"}"), 0,
		  KMS_UNREACHABLE, "AccessDeniedException" },
		{ "success without a plaintext", ANSWER("200 OK", "", "{\"KeyId\":\"x\"}"), 0,
		  KMS_UNREACHABLE, "KMSInternalException" },
		{ "a plaintext that is not CMS",
		  ANSWER("200 OK", "", "{\"CiphertextForRecipient\":\"AAAA\"}"), 0, KMS_UNREACHABLE,
		  "KMSInternalException" },
		{ "a plaintext in clear", ANSWER("200 OK", "", "{\"Plaintext\":\"AAAA\"}"), 0,
		  KMS_UNREACHABLE, "KMSInternalException" },
		/* The controls: answers that are the KMS's verdict. */
		{ "a denial",
		  ANSWER("400 Bad Request", "",
			 "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}"),
		  0, KMS_DENIED, "AccessDeniedException" },
		{ "a denial with a namespace",
		  ANSWER("400 Bad Request", "",
			 "{\"__type\":\"com.amazonaws.kms#DisabledException\",\"message\":\"no\"}"),
		  0, KMS_DENIED, "DisabledException" },
		{ "a denial in the header",
		  ANSWER("400 Bad Request", "x-amzn-ErrorType: NotFoundException:http://x/\r\n",
			 "{}"),
		  0, KMS_DENIED, "NotFoundException" },
	};

	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		struct impostor i = { .answer = rows[n].answer, .repeat = rows[n].repeat };
		struct worker_result _cleanup_result_ result = { 0 };
		struct config cfg;

		impostor_start(&i);
		cfg = worker_config(i.endpoint);
		result = worker_run(&cfg, "Decrypt", decrypt_request("AAAA", CONTEXT, false));
		impostor_stop(&i);
		if (result.outcome != rows[n].expected || strcmp(result.fault.code, rows[n].code))
			fail_msg("%s: expected %s %s\n     seen %s %s: %s", rows[n].name,
				 kms_outcome_name(rows[n].expected), rows[n].code,
				 kms_outcome_name(result.outcome), result.fault.code,
				 result.fault.message);
		assert_null(result.plaintext);
	}
}

/* A renewal counts only if the KMS reports a dry run or returns the key. */
static void an_empty_success_does_not_renew(void **state)
{
	static const char *const answers[] = {
		ANSWER("200 OK", "", ""),
		ANSWER("200 OK", "", "{}"),
		ANSWER("200 OK", "", "{\"KeyId\":\"x\"}"),
		ANSWER("200 OK", "", "{\"Plaintext\":\"AAAA\"}"),
	};

	for (size_t n = 0; n < sizeof(answers) / sizeof(answers[0]); n++) {
		struct impostor i = { .answer = answers[n] };
		struct worker_result _cleanup_result_ result = { 0 };
		struct config cfg;

		impostor_start(&i);
		cfg = worker_config(i.endpoint);
		result = worker_run(&cfg, "Decrypt", decrypt_request("AAAA", CONTEXT, true));
		impostor_stop(&i);
		worker_expect(&result, KMS_UNREACHABLE, "KMSInternalException");
	}
}

static void a_missing_kms_is_unreachable(void **state)
{
	struct config cfg = worker_config("unix:/nonexistent/kms.sock");
	struct worker_result _cleanup_result_ result = worker_run(&cfg, "ListKeys", json("{}"));

	worker_expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
	worker_drop(&result);
	cfg.kms_endpoint = (char *)"https://kms.invalid";
	result = worker_run(&cfg, "ListKeys", json("{}"));
	worker_expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
}

static void a_silent_kms_runs_into_the_timeout(void **state)
{
	struct impostor i = { 0 };
	struct worker_result _cleanup_result_ result = { 0 };
	double start = monotonic_s();
	struct config cfg;

	impostor_start(&i);
	cfg = worker_config(i.endpoint);
	cfg.kms_timeout_seconds = 2;
	result = worker_run(&cfg, "ListKeys", json("{}"));
	impostor_stop(&i);
	worker_expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
	assert_true(monotonic_s() - start >= 1.9);
	/* A loaded machine needs the margin. The call must end. */
	assert_true(monotonic_s() - start < 60);
}

static int set_up(void **state)
{
	kms = kms_fixture_start();
	key_id = kms ? kms->key_arn : NULL;
	return kms ? 0 : -1;
}

static int tear_down(void **state)
{
	return kms_fixture_stop();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generate_and_decrypt_give_the_same_key),
		cmocka_unit_test(the_same_over_tls_with_a_ca_file),
		cmocka_unit_test(a_large_ca_file_and_a_long_session_token),
		cmocka_unit_test(a_certificate_that_is_not_trusted_is_unreachable),
		cmocka_unit_test(reencrypt_moves_a_blob_to_another_context),
		cmocka_unit_test(a_dry_run_proves_access_and_gives_no_key),
		cmocka_unit_test(a_disabled_key_is_denied_and_an_enabled_one_is_not),
		cmocka_unit_test(missing_keys_are_denied_and_wrong_requests_are_not),
		cmocka_unit_test(unknown_credentials_are_no_verdict),
		cmocka_unit_test(impostors_are_never_a_verdict),
		cmocka_unit_test(an_empty_success_does_not_renew),
		cmocka_unit_test(a_missing_kms_is_unreachable),
		cmocka_unit_test(a_silent_kms_runs_into_the_timeout),
	};

	/* For tests/mutations/run: only the test of that name. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
