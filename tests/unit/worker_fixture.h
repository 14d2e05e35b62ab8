/* SPDX-License-Identifier: MIT */
/*
 * Calls of envelope-kms-worker and their results, and servers that are not a KMS.
 */
#ifndef WORKER_FIXTURE_H
#define WORKER_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kms_fixture.h"
#include "lib/kms/worker.h"

/* The embedded KMS, set by each test program's set_up(). */
extern const struct kms_fixture *kms;

struct worker_result {
	bool done;
	enum kms_outcome outcome;
	struct fault fault;
	struct json_object *response;
	struct secret *plaintext;
};

/** worker_on_done() - kms_worker_done_t that fills the struct worker_result @userdata */
void worker_on_done(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		    struct json_object *response, struct secret *plaintext, void *userdata);

void worker_drop(struct worker_result *result);
#define _cleanup_result_ __attribute__((cleanup(worker_drop)))

/** worker_config() - a configuration whose KMS is at @where */
struct config worker_config(const char *where);

/** worker_run() - run one call to its end; takes over @request */
struct worker_result worker_run(const struct config *cfg, const char *operation,
				struct json_object *request);

/** worker_expect() - fail the test unless the result has this outcome and fault code */
void worker_expect(const struct worker_result *result, enum kms_outcome outcome, const char *code);

/* A server on a unix socket that gives one fixed answer, or none. */
struct impostor {
	const char *answer; /* NULL: keeps the connection and says nothing */
	atomic_bool asked;  /* then: a request has come */
	size_t repeat;	    /* writes the last KiB of zeroes this often after the answer */
	int listener;
	pthread_t thread;
	char endpoint[128];
};

void impostor_start(struct impostor *i);
void impostor_stop(struct impostor *i);

/** monotonic_s() - CLOCK_MONOTONIC in seconds */
double monotonic_s(void);

#endif
