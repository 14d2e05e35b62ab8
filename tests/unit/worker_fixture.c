// SPDX-License-Identifier: MIT
/* Calls of the worker, and servers that are not a KMS. See worker_fixture.h. */

#include "worker_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/json.h"

const struct kms_fixture *kms;

void worker_on_done(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		    struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct worker_result *result = userdata;

	assert_false(result->done);
	result->done = true;
	result->outcome = outcome;
	result->fault = *f;
	result->response = json_object_get(response);
	result->plaintext = plaintext;
}

void worker_drop(struct worker_result *result)
{
	json_object_put(result->response);
	secret_free(result->plaintext);
	*result = (struct worker_result){ 0 };
}

struct config worker_config(const char *where)
{
	return (struct config){
		.region = (char *)"us-east-1",
		.account_id = (char *)"123456789012",
		.kms_endpoint = (char *)where,
		.ca_file = (char *)"",
		.proxy = (char *)"",
		.credentials_file = (char *)kms->credentials,
		.profile = (char *)"enveloped",
		.worker = (char *)"",
		.kms_timeout_seconds = 20,
	};
}

/* Runs one call to its end. */
struct worker_result worker_run(const struct config *cfg, const char *operation,
				struct json_object *request)
{
	struct worker_result result = { 0 };
	struct fault f = { 0 };
	sd_event *e = NULL;

	assert_true(sd_event_new(&e) >= 0);
	if (kms_worker_start(e, cfg, operation, request, worker_on_done, &result, NULL, &f))
		fail_msg("cannot start: %s: %s", f.code, f.message);
	assert_false(result.done);
	while (!result.done)
		assert_true(sd_event_run(e, UINT64_MAX) >= 0);
	sd_event_unref(e);
	json_object_put(request);
	return result;
}

void worker_expect(const struct worker_result *result, enum kms_outcome outcome, const char *code)
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

double monotonic_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

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

void impostor_start(struct impostor *i)
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

void impostor_stop(struct impostor *i)
{
	shutdown(i->listener, SHUT_RDWR);
	pthread_join(i->thread, NULL);
	close(i->listener);
}
