/* SPDX-License-Identifier: MIT */
/*
 * A real envelope-kms for tests, with a key in it: in a folder of its own, on a unix socket and a
 * free TCP port. The programs are taken from the folder above that of the test.
 */
#ifndef ENVELOPE_KMS_FIXTURE_H
#define ENVELOPE_KMS_FIXTURE_H

#include <json-c/json.h>
#include <sys/types.h>

struct kms_fixture {
	pid_t pid;
	char programs[3000];   /* folder of the built programs */
	char directory[64];    /* everything below is in here */
	char endpoint[160];    /* "unix:..." */
	char tls_endpoint[64]; /* "https://localhost:PORT" */
	char ca_file[128];
	char credentials[128]; /* profiles "enveloped" and "admin" */
	char key_arn[512];
};

const struct kms_fixture *kms_fixture_start(void);

int kms_fixture_stop(void);

struct json_object *kms_fixture_admin(const char *operation, struct json_object *request);

void kms_fixture_key(const char *operation, const char *key_id);

struct json_object *json(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
