/* SPDX-License-Identifier: MIT */
/*
 * What a record of the audit trail looks like: CloudTrail's shape.
 *
 * Must never hold plaintext or ciphertext: parameters are recorded by an allow list.
 */
#ifndef ENVELOPE_KMS_AUDIT_RECORD_H
#define ENVELOPE_KMS_AUDIT_RECORD_H

#include "kms/call.h"
#include "kms/keys/cmk.h"

/** audit_record_call() - of a call; @refusal: NULL when it was allowed; Return: for the caller */
struct json_object *audit_record_call(const struct call *call, const struct fault *refusal);

/**
 * audit_record_event() - of something that the KMS does by itself
 * @name: CloudTrail's eventName
 * @account: whose trail it belongs to
 *
 * Return: for the caller to add details to, and to put.
 */
struct json_object *audit_record_event(const char *name, const char *region, const char *account);

/** audit_record_key() - an audit_record_event() that concerns @cmk */
struct json_object *audit_record_key(const char *name, const struct cmk *cmk);

/** audit_record_metadata() - @cmk as CreateKey answers it, in CloudTrail's spelling */
struct json_object *audit_record_metadata(const struct cmk *cmk);

#endif
