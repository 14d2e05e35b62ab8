// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/kms_fixture.c */
/*
 * envelope-kms-worker, started as the agent starts it, against the real envelope-kms, and against
 * things that are not a KMS: proxies, hung servers, endless answers.
 *
 * The programs are taken from the folder above that of this test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "kms_fixture.h"
#include "lib/base/json.h"
#include "lib/kms/worker.h"

#define CONTEXT	      "{\"dm-envelope:volume-id\":\"vol-0123456789abcdef0\"}"
#define OTHER_CONTEXT "{\"dm-envelope:volume-id\":\"vol-ffffffffffffffff0\"}"

static const struct kms_fixture *kms;
static const char *key_id;

struct result {
	bool done;
	enum kms_outcome outcome;
	struct fault fault;
	struct json_object *response;
	struct secret *plaintext;
};

static void on_done(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		    struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct result *result = userdata;

	assert_false(result->done);
	result->done = true;
	result->outcome = outcome;
	result->fault = *f;
	result->response = json_object_get(response);
	result->plaintext = plaintext;
}

static void drop(struct result *result)
{
	json_object_put(result->response);
	secret_free(result->plaintext);
	*result = (struct result){ 0 };
}

#define _cleanup_result_ __attribute__((cleanup(drop)))

static struct config config_for(const char *where)
{
	return (struct config){
		.region = (char *)"us-east-1",
		.account_id = (char *)"123456789012",
		.kms_endpoint = (char *)where,
		.ca_file = (char *)"",
		.credentials_file = (char *)kms->credentials,
		.profile = (char *)"enveloped",
		.worker = (char *)"",
		.kms_timeout_seconds = 20,
	};
}

/* Runs one call to its end. */
static struct result run(const struct config *cfg, const char *operation,
			 struct json_object *request)
{
	struct result result = { 0 };
	struct fault f = { 0 };
	sd_event *e = NULL;

	assert_true(sd_event_new(&e) >= 0);
	if (kms_worker_start(e, cfg, operation, request, on_done, &result, NULL, &f))
		fail_msg("cannot start: %s: %s", f.code, f.message);
	assert_false(result.done);
	while (!result.done)
		assert_true(sd_event_run(e, UINT64_MAX) >= 0);
	sd_event_unref(e);
	json_object_put(request);
	return result;
}

static void expect(const struct result *result, enum kms_outcome outcome, const char *code)
{
	if (result->outcome != outcome || strcmp(result->fault.code, code))
		fail_msg("expected %s %s\n     seen %s %s: %s", kms_outcome_name(outcome), code,
			 kms_outcome_name(result->outcome), result->fault.code,
			 result->fault.message);
	if (outcome == KMS_OK) {
		assert_non_null(result->response);
		assert_false(json_has(result->response, "Plaintext"));
		assert_false(json_has(result->response, "CiphertextForRecipient"));
	} else {
		assert_null(result->plaintext);
		assert_true(*result->fault.message);
	}
}

/* ---- against the embedded KMS ---- */

/* A data key: its blob (base64, freed by the caller) and, if @plaintext, the key itself. */
static char *data_key(const struct config *cfg, const char *context, struct secret **plaintext)
{
	struct result _cleanup_result_ result =
		run(cfg, "GenerateDataKey",
		    json("{\"KeyId\":\"%s\",\"NumberOfBytes\":64,\"EncryptionContext\":%s}", key_id,
			 context));
	char *blob;

	expect(&result, KMS_OK, "");
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
	struct config cfg = config_for(kms->endpoint);
	struct secret *key;
	char *blob = data_key(&cfg, CONTEXT, &key);
	struct result _cleanup_result_ result = run(&cfg, "Decrypt",
						    decrypt_request(blob, CONTEXT, false));

	expect(&result, KMS_OK, "");
	assert_non_null(result.plaintext);
	assert_true(secret_equal(result.plaintext, key));
	assert_string_equal(json_get_string(result.response, "KeyId"), key_id);
	secret_free(key);
	free(blob);
}

static void the_same_over_tls_with_a_ca_file(void **state)
{
	struct config cfg = config_for(kms->tls_endpoint), unix_cfg = config_for(kms->endpoint);
	struct secret *key;
	char *blob;

	cfg.ca_file = (char *)kms->ca_file;
	blob = data_key(&cfg, CONTEXT, &key);
	{
		struct result _cleanup_result_ result = run(&unix_cfg, "Decrypt",
							    decrypt_request(blob, CONTEXT, false));

		expect(&result, KMS_OK, "");
		assert_true(secret_equal(result.plaintext, key));
	}
	secret_free(key);
	free(blob);
}

static void a_certificate_that_is_not_trusted_is_unreachable(void **state)
{
	struct config cfg = config_for(kms->tls_endpoint);
	struct result _cleanup_result_ result = run(&cfg, "DescribeKey",
						    json("{\"KeyId\":\"%s\"}", key_id));

	expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
	assert_non_null(strstr(result.fault.message, "certificate"));
}

static void reencrypt_moves_a_blob_to_another_context(void **state)
{
	struct config cfg = config_for(kms->endpoint);
	struct secret *key;
	char *blob = data_key(&cfg, CONTEXT, &key), *moved;
	struct result _cleanup_result_ result =
		run(&cfg, "ReEncrypt",
		    json("{\"CiphertextBlob\":\"%s\",\"SourceKeyId\":\"%s\",\"SourceEncryptionContext\":%s,"
			 "\"DestinationKeyId\":\"%s\",\"DestinationEncryptionContext\":%s}",
			 blob, key_id, CONTEXT, key_id, OTHER_CONTEXT));

	expect(&result, KMS_OK, "");
	assert_null(result.plaintext);
	moved = strdup(json_get_string(result.response, "CiphertextBlob"));
	drop(&result);

	result = run(&cfg, "Decrypt", decrypt_request(moved, OTHER_CONTEXT, false));
	expect(&result, KMS_OK, "");
	assert_true(secret_equal(result.plaintext, key));
	drop(&result);

	result = run(&cfg, "Decrypt", decrypt_request(moved, CONTEXT, false));
	expect(&result, KMS_DENIED, "InvalidCiphertextException");
	secret_free(key);
	free(moved);
	free(blob);
}

static void a_dry_run_proves_access_and_gives_no_key(void **state)
{
	struct config cfg = config_for(kms->endpoint);
	char *blob = data_key(&cfg, CONTEXT, NULL);
	struct result _cleanup_result_ result = run(&cfg, "Decrypt",
						    decrypt_request(blob, CONTEXT, true));

	expect(&result, KMS_OK, "");
	assert_null(result.plaintext);
	free(blob);
}

static void a_disabled_key_is_denied_and_an_enabled_one_is_not(void **state)
{
	struct config cfg = config_for(kms->endpoint);
	char *blob = data_key(&cfg, CONTEXT, NULL);
	struct result _cleanup_result_ result = { 0 };

	kms_fixture_key("DisableKey", key_id);
	result = run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, true));
	expect(&result, KMS_DENIED, "DisabledException");
	drop(&result);
	result = run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, false));
	expect(&result, KMS_DENIED, "DisabledException");
	drop(&result);

	kms_fixture_key("ScheduleKeyDeletion", key_id);
	result = run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, true));
	expect(&result, KMS_DENIED, "KMSInvalidStateException");
	drop(&result);

	kms_fixture_key("CancelKeyDeletion", key_id);
	kms_fixture_key("EnableKey", key_id);
	result = run(&cfg, "Decrypt", decrypt_request(blob, CONTEXT, true));
	expect(&result, KMS_OK, "");
	free(blob);
}

static void keys_that_are_not_there_are_denied_and_nonsense_is_not(void **state)
{
	struct config cfg = config_for(kms->endpoint);
	struct result _cleanup_result_ result =
		run(&cfg, "DescribeKey",
		    json("{\"KeyId\":\"00000000-0000-0000-0000-000000000000\"}"));

	expect(&result, KMS_DENIED, "NotFoundException");
	drop(&result);
	result = run(&cfg, "GenerateDataKey",
		     json("{\"KeyId\":\"%s\",\"NumberOfBytes\":0}", key_id));
	expect(&result, KMS_BAD_REQUEST, "ValidationException");
}

static void unknown_credentials_are_no_verdict(void **state)
{
	struct config cfg = config_for(kms->endpoint);
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
		struct result _cleanup_result_ result = run(&cfg, "DescribeKey",
							    json("{\"KeyId\":\"%s\"}", key_id));

		expect(&result, KMS_UNREACHABLE, "UnrecognizedClientException");
	}
}

/* ---- what is not a KMS ---- */

/* A server on a unix socket that gives one fixed answer, or none. */
struct impostor {
	const char *answer; /* NULL: keeps the connection and says nothing */
	atomic_bool asked;  /* then: a request has come */
	size_t repeat;	    /* writes the last KiB of zeroes this often after the answer */
	int listener;
	pthread_t thread;
	char endpoint[128];
};

static void *impostor_main(void *argument)
{
	static const char zeroes[1024];
	struct impostor *i = argument;
	char request[65536];
	int fd = accept4(i->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (!i->answer) {
		/* Until the client goes away. */
		while (read(fd, request, sizeof(request)) > 0)
			i->asked = true;
	} else {
		if (read(fd, request, sizeof(request)) > 0)
			(void)!send(fd, i->answer, strlen(i->answer), MSG_NOSIGNAL);
		for (size_t n = 0; n < i->repeat; n++)
			if (send(fd, zeroes, sizeof(zeroes), MSG_NOSIGNAL) < 0)
				break;
	}
	close(fd);
	return NULL;
}

static void impostor_start(struct impostor *i)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static unsigned int number;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/impostor-%u", kms->directory,
		 number++);
	snprintf(i->endpoint, sizeof(i->endpoint), "unix:%s", address.sun_path);
	i->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(i->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(address.sun_path, 0666), 0);
	assert_int_equal(listen(i->listener, 1), 0);
	assert_int_equal(pthread_create(&i->thread, NULL, impostor_main, i), 0);
}

static void impostor_stop(struct impostor *i)
{
	shutdown(i->listener, SHUT_RDWR);
	pthread_join(i->thread, NULL);
	close(i->listener);
}

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
		/* The controls: what does count as the KMS's word. */
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
		struct result _cleanup_result_ result = { 0 };
		struct config cfg;

		impostor_start(&i);
		cfg = config_for(i.endpoint);
		result = run(&cfg, "Decrypt", decrypt_request("AAAA", CONTEXT, false));
		impostor_stop(&i);
		if (result.outcome != rows[n].expected || strcmp(result.fault.code, rows[n].code))
			fail_msg("%s: expected %s %s\n     seen %s %s: %s", rows[n].name,
				 kms_outcome_name(rows[n].expected), rows[n].code,
				 kms_outcome_name(result.outcome), result.fault.code,
				 result.fault.message);
		assert_null(result.plaintext);
	}
}

/* A renewal counts only if the KMS says so in the words for it, or gives the key. */
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
		struct result _cleanup_result_ result = { 0 };
		struct config cfg;

		impostor_start(&i);
		cfg = config_for(i.endpoint);
		result = run(&cfg, "Decrypt", decrypt_request("AAAA", CONTEXT, true));
		impostor_stop(&i);
		expect(&result, KMS_UNREACHABLE, "KMSInternalException");
	}
}

static void nobody_there_is_unreachable(void **state)
{
	struct config cfg = config_for("unix:/nonexistent/kms.sock");
	struct result _cleanup_result_ result = run(&cfg, "ListKeys", json("{}"));

	expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
	drop(&result);
	cfg.kms_endpoint = (char *)"https://kms.invalid";
	result = run(&cfg, "ListKeys", json("{}"));
	expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void a_kms_that_says_nothing_runs_into_the_timeout(void **state)
{
	struct impostor i = { 0 };
	struct result _cleanup_result_ result = { 0 };
	double start = now();
	struct config cfg;

	impostor_start(&i);
	cfg = config_for(i.endpoint);
	cfg.kms_timeout_seconds = 2;
	result = run(&cfg, "ListKeys", json("{}"));
	impostor_stop(&i);
	expect(&result, KMS_UNREACHABLE, "KMSUnreachable");
	assert_true(now() - start >= 1.9);
	/* Generous, for a loaded machine: the call must end, and not hang. */
	assert_true(now() - start < 60);
}

/* ---- the process ---- */

static pid_t only_child_beside_kms(void)
{
	char path[64], text[256] = { 0 }, *at = text, *end;
	int fd;
	long pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	while ((pid = strtol(at, &end, 10)) > 0) {
		if (pid != kms->pid)
			return (pid_t)pid;
		at = end;
	}
	return 0;
}

static bool status_says(pid_t pid, const char *line)
{
	char path[64], text[8192] = { 0 };
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strstr(text, line) != NULL;
}

static unsigned int count_entries(pid_t pid, const char *folder)
{
	char path[64];
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, folder);
	d = opendir(path);
	assert_non_null(d);
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Starts a call that hangs. The worker has asked, so it has dropped its privileges before. */
static struct kms_worker *hang(struct impostor *i, sd_event *e, struct result *result, pid_t *pid)
{
	struct json_object *request = json("{}");
	struct kms_worker *worker;
	struct config cfg;

	impostor_start(i);
	cfg = config_for(i->endpoint);
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, on_done, result, &worker,
					  NULL),
			 0);
	json_object_put(request);
	*pid = only_child_beside_kms();
	assert_true(*pid > 0);
	for (int tries = 0; tries < 600 && !i->asked; tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	assert_true(i->asked);
	return worker;
}

static void the_worker_has_no_privileges(void **state)
{
	struct result _cleanup_result_ result = { 0 };
	struct kms_worker *worker;
	struct impostor i = { 0 };
	char path[64], text[4096];
	int inherited = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	sd_event *e;
	pid_t pid;
	int fd;

	assert_true(fcntl(inherited, F_DUPFD, 50) >= 50);
	assert_true(sd_event_new(&e) >= 0);
	worker = hang(&i, e, &result, &pid);

	assert_true(status_says(pid, "NoNewPrivs:\t1"));
	assert_true(status_says(pid, "Groups:\t \n"));
	if (!geteuid()) {
		assert_false(status_says(pid, "Uid:\t0"));
		assert_true(status_says(pid, "CapPrm:\t0000000000000000"));
		assert_true(status_says(pid, "CapEff:\t0000000000000000"));
	}
	/* 0 to 3, and at most three of libcurl (its socket and its wake-up pair). */
	assert_in_range(count_entries(pid, "fd"), 4, 7);
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
	assert_int_equal(readlink(path, text, sizeof(text)), 1);

	kms_worker_cancel(worker);
	impostor_stop(&i);
	sd_event_unref(e);
	assert_false(result.done);
	close(inherited);
}

static void a_cancelled_call_leaves_no_process_and_calls_nobody(void **state)
{
	struct result _cleanup_result_ result = { 0 };
	struct kms_worker *worker;
	struct impostor i = { 0 };
	double start;
	sd_event *e;
	pid_t pid;

	assert_true(sd_event_new(&e) >= 0);
	worker = hang(&i, e, &result, &pid);
	start = now();
	kms_worker_cancel(worker);
	/* The call hangs for 20 seconds; the cancellation waits for nothing. */
	assert_true(now() - start < 15);
	assert_int_equal(only_child_beside_kms(), 0);
	assert_int_equal(sd_event_run(e, 0), 0);
	assert_false(result.done);
	impostor_stop(&i);
	sd_event_unref(e);
	kms_worker_cancel(NULL);
}

static void a_killed_worker_is_no_verdict(void **state)
{
	struct result _cleanup_result_ result = { 0 };
	struct impostor i = { 0 };
	sd_event *e;
	pid_t pid;

	assert_true(sd_event_new(&e) >= 0);
	hang(&i, e, &result, &pid);
	kill(pid, SIGKILL);
	while (!result.done)
		assert_true(sd_event_run(e, UINT64_MAX) >= 0);
	impostor_stop(&i);
	sd_event_unref(e);
	expect(&result, KMS_UNREACHABLE, "InternalFailure");
	assert_non_null(strstr(result.fault.message, "signal 9"));
}

static void what_cannot_start_says_why(void **state)
{
	struct config cfg = config_for("ftp://kms");
	struct result result = { 0 };
	struct fault f = { 0 };
	struct json_object *request = json("{}");
	sd_event *e;

	assert_true(sd_event_new(&e) >= 0);
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, on_done, &result, NULL, &f),
			 -1);
	assert_non_null(strstr(f.message, "KmsEndpoint"));
	cfg = config_for(kms->tls_endpoint);
	cfg.ca_file = (char *)"/nonexistent/ca.pem";
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, on_done, &result, NULL, &f),
			 -1);
	assert_non_null(strstr(f.message, "CaFile"));
	cfg = config_for(kms->endpoint);
	cfg.credentials_file = (char *)"/nonexistent/credentials";
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, on_done, &result, NULL, &f),
			 -1);
	assert_non_null(strstr(f.message, "credentials"));
	sd_event_unref(e);
	json_object_put(request);
	assert_false(result.done);
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
		cmocka_unit_test(a_certificate_that_is_not_trusted_is_unreachable),
		cmocka_unit_test(reencrypt_moves_a_blob_to_another_context),
		cmocka_unit_test(a_dry_run_proves_access_and_gives_no_key),
		cmocka_unit_test(a_disabled_key_is_denied_and_an_enabled_one_is_not),
		cmocka_unit_test(keys_that_are_not_there_are_denied_and_nonsense_is_not),
		cmocka_unit_test(unknown_credentials_are_no_verdict),
		cmocka_unit_test(impostors_are_never_a_verdict),
		cmocka_unit_test(an_empty_success_does_not_renew),
		cmocka_unit_test(nobody_there_is_unreachable),
		cmocka_unit_test(a_kms_that_says_nothing_runs_into_the_timeout),
		cmocka_unit_test(the_worker_has_no_privileges),
		cmocka_unit_test(a_cancelled_call_leaves_no_process_and_calls_nobody),
		cmocka_unit_test(a_killed_worker_is_no_verdict),
		cmocka_unit_test(what_cannot_start_says_why),
	};

	/* For tests/mutations/run: only the test of that name. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
