/* SPDX-License-Identifier: MIT */
/*
 * The audit trail: CloudTrail-shaped records, one JSON line each, in an append-only
 * file and in the journal.
 *
 * Must never be given plaintext or ciphertext: blobs are dropped from the request
 * parameters here, whatever the caller passed.
 */
#ifndef ENVELOPE_AUDIT_H
#define ENVELOPE_AUDIT_H

#include <json-c/json.h>
#include <sys/types.h>

#include "agent/catalog/cluster.h"
#include "lib/base/fault.h"

#define AUDIT_SOURCE_KMS     "kms.amazonaws.com"
#define AUDIT_SOURCE_CLUSTER "rds.amazonaws.com"

struct audit;

/** typedef audit_each_t - sees each record as it is written; borrowed */
typedef void (*audit_each_t)(json_object *record, void *userdata);

int audit_open(const char *path, const char *region, const char *account, struct audit **ret,
	       struct fault *f);
void audit_on_record(struct audit *audit, audit_each_t each, void *userdata);
void audit_kms_call(struct audit *audit, const char *operation, json_object *request,
		    const char *key_arn, const struct fault *f);
void audit_api_call(struct audit *audit, const char *name, json_object *params, uid_t uid,
		    pid_t pid, const struct cluster *cluster, const struct fault *f);
void audit_status(struct audit *audit, const struct cluster *cluster, enum cluster_status before);
int audit_recorded(struct audit *audit, struct fault *f);
json_object *audit_read(struct audit *audit, const char *since, size_t limit, struct fault *f);
void audit_close(struct audit *audit);

#endif
