/* SPDX-License-Identifier: MIT */
/*
 * Starts envelope-kms-worker for one KMS call and watches it on an sd-event loop.
 *
 * Must never put a secret on the socket to the worker: credentials, private key and plaintext
 * go through one block of locked shared memory, which is wiped before it is freed.
 */
#ifndef ENVELOPE_WORKER_H
#define ENVELOPE_WORKER_H

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "lib/base/config.h"
#include "lib/base/secret.h"
#include "lib/kms/kms_client.h"

struct kms_worker;

/**
 * typedef kms_worker_done_t - called once, from the event loop, when the call has ended
 * @worker: is released after this returns
 * @outcome: see enum kms_outcome. A worker that crashed or ran out of time: KMS_UNREACHABLE
 * @f: the fault; its code is empty for KMS_OK
 * @response: borrowed; the KMS's answer without any plaintext; NULL unless KMS_OK
 * @plaintext: owned by the callee, which calls secret_free(); NULL unless the operation returns
 * plaintext
 */
typedef void (*kms_worker_done_t)(struct kms_worker *worker, enum kms_outcome outcome,
				  const struct fault *f, struct json_object *response,
				  struct secret *plaintext, void *userdata);

int kms_worker_prepare(struct fault *f);

const char *kms_worker_kms_id(const struct kms_worker *worker);

int64_t kms_worker_change(const struct kms_worker *worker, int64_t *newest);

void kms_worker_set_newest(struct kms_worker *worker, int64_t change);

void kms_worker_on_drop(struct kms_worker *worker, void (*drop)(void *userdata));

const char *kms_worker_principal(const struct kms_worker *worker);

const char *kms_worker_endpoint(const struct kms_worker *worker);

int kms_worker_start(sd_event *e, const struct config *cfg, const char *operation,
		     struct json_object *request, kms_worker_done_t done, void *userdata,
		     struct kms_worker **ret, struct fault *f);

void kms_worker_cancel(struct kms_worker *worker);

void kms_worker_end_all(void);

#endif
