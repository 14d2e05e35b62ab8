/* SPDX-License-Identifier: MIT */
/*
 * The steps by which the worker gets credentials before its call.
 *
 * A step is a JSON object. "kind" is one of
 *	process       "command"
 *	container     "url"; the block's token, if any, is the authorization
 *	instance      "url" of the metadata service
 *	web-identity  "url" of STS, "roleArn", "sessionName", "durationSeconds"; the block's token
 *	role          the same and "externalId", "region"; signed with what the steps before gave, or
 *		      with the block's source
 *	caller        "url" of STS, "region"; asks whose the credentials are. STS's silence is no fault
 *
 * Must never say anything of an answer but whether it was usable.
 */
#ifndef ENVELOPE_WORKER_CREDENTIAL_STEPS_H
#define ENVELOPE_WORKER_CREDENTIAL_STEPS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/kms/worker_protocol.h"

int credential_steps_run(struct json_object *steps, struct worker_block *block, const char *ca_pem,
			 const struct proxy *proxy, int64_t end_ms, bool (*cancelled)(void),
			 struct fault *f);

#endif
