/* SPDX-License-Identifier: MIT */
/*
 * The agent's audit trail: calls to the KMS, requests of clients and changes of status, each a
 * CloudTrail-shaped record in an append-only file (lib/audit/trail.h) and in the journal.
 * agent_record.h has the contents.
 */
#ifndef ENVELOPE_AGENT_AUDIT_H
#define ENVELOPE_AGENT_AUDIT_H

#include <json-c/json.h>
#include <sys/types.h>

#include "agent/catalog/cluster.h"
#include "lib/base/fault.h"

struct audit;

/** typedef audit_each_t - called with each record as it is written; @record is borrowed */
typedef void (*audit_each_t)(json_object *record, void *userdata);

int audit_open(const char *path, const char *region, const char *account, struct audit **ret,
	       struct fault *f);
void audit_on_record(struct audit *audit, audit_each_t each, void *userdata);
void audit_kms_call(struct audit *audit, const char *operation, json_object *request,
		    const char *key_arn, const struct fault *f);
void audit_api_call(struct audit *audit, const char *name, json_object *params, uid_t uid,
		    pid_t pid, const struct cluster *cluster, const struct fault *f);
void audit_status(struct audit *audit, const struct cluster *cluster, enum cluster_status before);
void audit_service_event(struct audit *audit, const char *name, json_object *details,
			 const struct fault *f);
json_object *audit_status_record(const struct audit *audit, const struct cluster *cluster,
				 enum cluster_status before);
void audit_append(struct audit *audit, json_object *records);
int audit_recorded(struct audit *audit, struct fault *f);
json_object *audit_read(struct audit *audit, const char *since, size_t limit, struct fault *f);
void audit_close(struct audit *audit);

#endif
