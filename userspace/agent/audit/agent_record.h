/* SPDX-License-Identifier: MIT */
/*
 * The contents of the agent's audit records: CloudTrail's shape.
 *
 * Must never hold plaintext or ciphertext: a KMS request is recorded by a list of allowed
 * parameters, so a blob is left out whatever the caller passes.
 */
#ifndef ENVELOPE_AGENT_RECORD_H
#define ENVELOPE_AGENT_RECORD_H

#include <json-c/json.h>
#include <sys/types.h>

#include "agent/catalog/cluster.h"
#include "lib/base/fault.h"

/** struct record_origin - where the records of this agent come from */
struct record_origin {
	char region[32];
	char account[13];
	char host[65];
};

void agent_record_origin(struct record_origin *origin, const char *region, const char *account);
json_object *agent_record_kms_call(const struct record_origin *origin, const char *operation,
				   json_object *request, const char *key_arn,
				   const struct fault *f);
json_object *agent_record_api_call(const struct record_origin *origin, const char *name,
				   json_object *params, uid_t uid, pid_t pid,
				   const struct cluster *cluster, const struct fault *f);
json_object *agent_record_status(const struct record_origin *origin, const struct cluster *cluster,
				 enum cluster_status before);
json_object *agent_record_service_event(const struct record_origin *origin, const char *name,
					json_object *details, const struct fault *f);
json_object *agent_record_gap(const struct record_origin *origin, json_object *details);
json_object *agent_record_shorten(json_object *parameters);

#endif
