/* SPDX-License-Identifier: MIT */
/*
 * From a request of the agent to a result for it, by way of the KMS.
 */
#ifndef ENVELOPE_WORKER_KMS_REQUEST_H
#define ENVELOPE_WORKER_KMS_REQUEST_H

#include <json-c/json.h>
#include <stdbool.h>

#include "lib/kms/worker_protocol.h"

struct json_object *kms_request_run(struct json_object *request, const char *ca_pem,
				    struct worker_block *block, bool (*cancelled)(void));

#endif
