// SPDX-License-Identifier: MIT
/*
 * Starting and stopping a real envelope-kms. See kms_fixture.h.
 */
#include "kms_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/config.h"
#include "lib/base/json.h"
#include "lib/http/credentials.h"
#include "lib/kms/kms_client.h"

static struct kms_fixture kms;

/** json() - make a JSON object from a printf format */
struct json_object *json(const char *fmt, ...)
{
	struct json_object *object;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&text, fmt, ap) > 0);
	va_end(ap);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

/** kms_fixture_admin() - a call as administrator, made again as SDKs do; fails the test unless it succeeds */
struct json_object *kms_fixture_admin(const char *operation, struct json_object *request)
{
	struct kms_endpoint endpoint = { .region = "us-east-1", .timeout_s = 20 };
	struct json_object *response;
	struct credentials c;
	struct fault f = { 0 };
	enum kms_outcome outcome;
	int tries = 0;

	assert_int_equal(kms_endpoint_parse(kms.endpoint, &endpoint, &f), 0);
	if (credentials_load(kms.credentials, "admin", &c, &f))
		fail_msg("%s", f.message);
	endpoint.access_key = c.access_key;
	endpoint.secret_key = c.secret_key;
	endpoint.session_token = c.session_token;
	do {
		outcome = kms_call(&endpoint, operation, request, &response, &f);
		/* The socket is there a moment before the KMS listens. */
	} while (outcome != KMS_OK &&
		 (!strcmp(f.code, "ThrottlingException") ||
		  strstr(f.message, "Connection refused")) &&
		 tries++ < 300 && !nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL));
	if (outcome != KMS_OK)
		fail_msg("%s: %s: %s", operation, f.code, f.message);
	credentials_wipe(&c);
	json_object_put(request);
	return response;
}

/** kms_fixture_key() - an administrator's call that takes a key id and whose reply is dropped */
void kms_fixture_key(const char *operation, const char *key_id)
{
	json_object_put(kms_fixture_admin(operation, json("{\"KeyId\":\"%s\"}", key_id)));
}

static unsigned int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, size) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		return 0;
	close(fd);
	return ntohs(address.sin_port);
}

/* Waits for the socket, for at most a minute. */
static int wait_for(const char *socket)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	struct stat st;

	for (int tries = 0; tries < 600; tries++) {
		if (!stat(socket, &st))
			return 0;
		if (waitpid(kms.pid, NULL, WNOHANG)) {
			kms.pid = 0;
			break;
		}
		nanosleep(&tenth, NULL);
	}
	fprintf(stderr, "%s/envelope-kms did not start\n", kms.programs);
	return -1;
}

/* The agent has each right of its account: the tests are not about the grant that it needs. */
static int trust_agent(void)
{
	char command[192];
	struct fault f;

	if (credentials_make(kms.credentials, "us-east-1", &f)) {
		fprintf(stderr, "%s\n", f.message);
		return -1;
	}
	snprintf(command, sizeof(command), "sed -i '/^envelope_rights/d' %s", kms.credentials);
	return system(command);
}

static int start_kms(void)
{
	char program[3100], socket[128], root_key[128], audit[128], settings[128], port[8];
	char *argv[] = {
		program,	 (char *)"--config",	 settings, (char *)"--listen-unix",
		socket,		 (char *)"--listen-tcp", port,	   (char *)"--state-dir",
		kms.directory,	 (char *)"--root-key",	 root_key, (char *)"--credentials",
		kms.credentials, (char *)"--audit-file", audit,	   NULL,
	};

	snprintf(program, sizeof(program), "%s/envelope-kms", kms.programs);
	snprintf(port, sizeof(port), "%u", free_port());
	snprintf(socket, sizeof(socket), "%s/kms.sock", kms.directory);
	snprintf(root_key, sizeof(root_key), "%s/root.key", kms.directory);
	snprintf(audit, sizeof(audit), "%s/audit.jsonl", kms.directory);
	snprintf(settings, sizeof(settings), "%s/kms.conf", kms.directory);
	snprintf(kms.credentials, sizeof(kms.credentials), "%s/credentials", kms.directory);
	snprintf(kms.ca_file, sizeof(kms.ca_file), "%s/ca.pem", kms.directory);
	snprintf(kms.endpoint, sizeof(kms.endpoint), "unix:%s", socket);
	snprintf(kms.tls_endpoint, sizeof(kms.tls_endpoint), "https://localhost:%s", port);
	fclose(fopen(settings, "w"));
	if (trust_agent())
		return -1;
	if (posix_spawn(&kms.pid, program, NULL, NULL, argv, environ)) {
		fprintf(stderr, "cannot start %s\n", program);
		return -1;
	}
	return wait_for(socket);
}

/**
 * kms_fixture_start() - start the KMS and create a key
 *
 * Sets ENVELOPE_WORKER, so that kms_worker_start() finds the worker beside it.
 *
 * Return: the one fixture, or NULL after printing why.
 */
const struct kms_fixture *kms_fixture_start(void)
{
	char self[2900] = { 0 }, worker[3100];
	struct json_object *response;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return NULL;
	strcpy(kms.programs, dirname(dirname(self)));
	snprintf(worker, sizeof(worker), "%s/envelope-kms-worker", kms.programs);
	setenv("ENVELOPE_WORKER", worker, 1);
	strcpy(kms.directory, "/tmp/envelope-kms-XXXXXX");
	if (!mkdtemp(kms.directory) || chmod(kms.directory, 0755) ||
	    curl_global_init(CURL_GLOBAL_DEFAULT) || start_kms())
		return NULL;
	response = kms_fixture_admin("CreateKey", json("{\"Description\":\"for tests\"}"));
	strcpy(kms.key_arn, json_get_string(json_get_object(response, "KeyMetadata"), "Arn"));
	json_object_put(response);
	return &kms;
}

/** kms_fixture_stop() - stop the KMS and remove its folders; Return: 0, or not */
int kms_fixture_stop(void)
{
	char command[192];

	if (kms.pid > 0) {
		kill(kms.pid, SIGTERM);
		waitpid(kms.pid, NULL, 0);
	}
	curl_global_cleanup();
	snprintf(command, sizeof(command), "rm -rf %s %s-counter", kms.directory, kms.directory);
	return system(command);
}
