/* SPDX-License-Identifier: MIT */
/*
 * From a request of the agent to a result for it, by way of the KMS.
 */
#ifndef ENVELOPE_WORKER_CALL_H
#define ENVELOPE_WORKER_CALL_H

#include <json-c/json.h>
#include <stdbool.h>

#include "lib/kms/worker_protocol.h"

/**
 * call_kms() - make the call that @request asks for
 * @request: see worker_protocol.h
 * @ca_pem: certificates to trust, or NULL
 * @block: credentials and private key are taken from it, the plaintext is put into it
 * @cancelled: asked while waiting; true gives up
 *
 * Return: the result, a new object, never with a plaintext in it.
 */
struct json_object *call_kms(struct json_object *request, const char *ca_pem,
			     struct worker_block *block, bool (*cancelled)(void));

#endif
