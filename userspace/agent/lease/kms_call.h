/* SPDX-License-Identifier: MIT */
/*
 * Calls to the KMS about clusters: their requests with the encryption contexts. An unprivileged
 * child (lib/kms/worker.h) makes each call; each call is recorded in the audit trail.
 */
#ifndef ENVELOPE_KMS_CALL_H
#define ENVELOPE_KMS_CALL_H

#include "agent/agent.h"
#include "lib/kms/worker.h"

/** typedef kms_denied_t - the KMS has denied: end access. Called before the call is recorded */
typedef void (*kms_denied_t)(void *userdata);

json_object *kms_describe_key(const char *key);
json_object *kms_generate(const struct cluster *cluster);
json_object *kms_decrypt_new(const struct cluster *cluster, const char *blob_base64);
json_object *kms_seal(const struct cluster *cluster, const char *blob_base64);
json_object *kms_rewrap(const struct cluster *cluster, const struct volume_header *from);
json_object *kms_decrypt(const struct cluster *cluster, const uint8_t *wrapped, size_t size,
			 const char *header_sha256, bool dry_run);

int kms_call_begin(const struct cluster *cluster, const char *operation, json_object *request,
		   const char *key_arn, kms_denied_t denied, kms_worker_done_t done, void *userdata,
		   struct fault *f);

int kms_call_none(const struct config *config, struct fault *f);
void kms_call_from_first(const struct cluster *cluster);

#endif
