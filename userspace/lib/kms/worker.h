/* SPDX-License-Identifier: MIT */
/*
 * Starts envelope-kms-worker for one KMS call and watches it on an sd-event loop.
 *
 * Must never put a secret on the socket to the worker: credentials, private key and plaintext
 * go through one block of locked shared memory, which is wiped before it is given back.
 */
#ifndef ENVELOPE_WORKER_H
#define ENVELOPE_WORKER_H

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "lib/base/config.h"
#include "lib/kms/kms_client.h"
#include "lib/base/secret.h"

struct kms_worker;

/**
 * typedef kms_worker_done_t - called once, from the event loop, when the call has ended
 * @worker: is released after this returns
 * @outcome: see enum kms_outcome. A worker that crashed or ran out of time: KMS_UNREACHABLE
 * @f: the fault unless KMS_OK (its code is empty then)
 * @response: borrowed; the KMS's answer without any plaintext; NULL unless KMS_OK
 * @plaintext: now the callee's (secret_free()), NULL unless the operation gives plaintext
 */
typedef void (*kms_worker_done_t)(struct kms_worker *worker, enum kms_outcome outcome,
				  const struct fault *f, struct json_object *response,
				  struct secret *plaintext, void *userdata);

/**
 * kms_worker_prepare() - make the key pair to which the KMS encrypts data keys
 *
 * Takes a tenth of a second, and many seconds in an emulated machine: a daemon calls this once
 * before it says that it is ready. Otherwise the first kms_worker_start() does it.
 *
 * Return: 0 or -1.
 */
int kms_worker_prepare(struct fault *f);

/**
 * kms_worker_start() - begin a KMS call
 * @e: event loop that will call @done
 * @cfg: endpoint, CA file, credentials file and profile, timeout, path of the worker program
 * @operation: "Decrypt", "GenerateDataKey", "DescribeKey", "ReEncrypt", ...
 * @request: borrowed; the operation's parameters; Recipient is added by the worker
 * @done: never called from within this function
 * @ret: the call, or NULL to not keep it
 * @f: the reason when nothing was started
 *
 * The program is that of the environment's ENVELOPE_WORKER, else @cfg->worker, else the installed
 * one. Reads the credentials file anew each time, so that rotated credentials are taken up.
 *
 * Return: 0 or -1.
 */
int kms_worker_start(sd_event *e, const struct config *cfg, const char *operation,
		     struct json_object *request, kms_worker_done_t done, void *userdata,
		     struct kms_worker **ret, struct fault *f);

/**
 * kms_worker_cancel() - give a call up; @done will not be called
 *
 * Waits for the worker to wipe itself and exit, at most two seconds. NULL is fine.
 */
void kms_worker_cancel(struct kms_worker *worker);

/**
 * kms_worker_end_all() - the process is about to end: end all calls and wipe what they share
 *
 * Nobody is called. The pages of a process that has ended are freed by the kernel as they are:
 * data keys, credentials and the recipient's private key must be gone by then.
 */
void kms_worker_end_all(void);

#endif
