/* SPDX-License-Identifier: MIT */
/*
 * The contents of the KMS's audit records: CloudTrail's shape.
 *
 * Must never hold plaintext or ciphertext: parameters are recorded by a list of allowed ones.
 */
#ifndef ENVELOPE_KMS_RECORD_H
#define ENVELOPE_KMS_RECORD_H

#include "kms/call.h"
#include "kms/keys/cmk.h"

struct json_object *kms_record_call(const struct call *call, const struct fault *refusal);
void kms_record_shorten(struct json_object *record);
struct json_object *kms_record_event(const char *name, const char *region, const char *account);
struct json_object *kms_record_key(const char *name, const struct cmk *cmk);
struct json_object *kms_record_metadata(const struct cmk *cmk);

#endif
