/* SPDX-License-Identifier: MIT */
/*
 * One call to a KMS that speaks the AWS KMS JSON 1.1 protocol, signed with SigV4 by libcurl, over
 * https or a unix socket; and the judgement of what its answer means.
 *
 * Must never log a request, a response or a credential, and must never report KMS_DENIED unless
 * the KMS itself denied the call: that verdict ends a cluster for good.
 */
#ifndef ENVELOPE_KMS_CLIENT_H
#define ENVELOPE_KMS_CLIENT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/kms/proxy.h"

/**
 * KMS_ID_HEADER - of each answer of envelope-kms to a known caller: the id of its key store, and the
 * proof of it (kms_proof.h) if the request has a nonce
 */
#define KMS_ID_HEADER "x-envelope-kms-id"
#define KMS_ID_MAX    70 /* bytes of an id with the hash of its key, and its end */

/**
 * struct kms_endpoint - where the KMS is, and the caller's credentials
 * @url: "https://kms.us-east-1.amazonaws.com"; NULL when @unix_path is set
 * @unix_path: path of the unix socket, or NULL
 * @ca_file: PEM file to trust, or NULL for the system's store
 * @ca_pem: PEM text to trust in place of @ca_file, or NULL
 * @region: SigV4 scope
 * @access_key: access key id
 * @secret_key: secret access key
 * @session_token: NULL or "" unless the credentials are temporary
 * @timeout_s: limit of the whole call, in seconds, at least 1
 * @cancelled: NULL, or called about once a second: true gives the call up
 * @proxy: for @url; NULL for none
 * @id: NULL, or KMS_ID_MAX bytes for the id that the KMS gives itself, with the hash of its key if the
 *	KMS proves the id; "" when it gives none, as AWS's does
 * @change: set with @id: the number of the last change of the KMS's keys, if the KMS proves it, else 0
 */
struct kms_endpoint {
	const char *url;
	const char *unix_path;
	const char *ca_file;
	const char *ca_pem;
	const char *region;
	const char *access_key;
	const char *secret_key;
	const char *session_token;
	unsigned int timeout_s;
	bool (*cancelled)(void);
	const struct proxy *proxy;
	char *id;
	int64_t change;
};

enum kms_outcome {
	KMS_OK,
	KMS_DENIED,	 /* definitive: the key may not be used (any more) */
	KMS_UNREACHABLE, /* no verdict about the key: try again while the lease lasts */
	KMS_BAD_REQUEST, /* the request was wrong: no verdict about the key either */
};

bool kms_is_silent(enum kms_outcome outcome, const char *code);

bool kms_knows_caller(const char *code);

const char *kms_outcome_name(enum kms_outcome outcome);
int kms_outcome_parse(const char *name, enum kms_outcome *ret);

bool kms_gives_plaintext(const char *operation);

/** KMS_RESPONSE_MAX - largest response body that is accepted, in bytes */
#define KMS_RESPONSE_MAX (64 * 1024)

enum kms_outcome kms_classify(long http_status, const char *error_type, const char *message,
			      int curl_code);

int kms_endpoint_parse(const char *text, struct kms_endpoint *endpoint, struct fault *f);

enum kms_outcome kms_call(struct kms_endpoint *endpoint, const char *operation,
			  struct json_object *request, struct json_object **response,
			  struct fault *f);

#endif
