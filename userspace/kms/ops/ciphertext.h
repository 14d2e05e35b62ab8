/* SPDX-License-Identifier: MIT */
/*
 * The steps that the cryptographic operations share: encrypt under a named key, decrypt a blob.
 *
 * Must never decrypt with a key other than the one that the blob names.
 */
#ifndef ENVELOPE_KMS_CIPHERTEXT_H
#define ENVELOPE_KMS_CIPHERTEXT_H

#include "kms/call.h"
#include "kms/keys/context.h"
#include "lib/base/secret.h"

struct ciphertext_names {      /* names of a request's members: ReEncrypt has two of each */
	const char *key_id;    /* "KeyId", "SourceKeyId" */
	const char *context;   /* "EncryptionContext", "SourceEncryptionContext" */
	const char *algorithm; /* "EncryptionAlgorithm", ... */
	const char *action;    /* of policies; NULL: named as the operation */
};

/* Of all operations but ReEncrypt. */
extern const struct ciphertext_names ciphertext_names;

struct ciphertext_key { /* that was used */
	char arn[ARN_MAX];
	char material[MATERIAL_ID_CHARS + 1];
};

int ciphertext_make(struct call *call, const struct ciphertext_names *names,
		    const struct secret *plain, struct ciphertext_key *used, struct fault *f);

int ciphertext_open(struct call *call, const struct ciphertext_names *names, struct secret **plain,
		    struct ciphertext_key *used, struct fault *f);

int ciphertext_dry_run(struct fault *f);

#endif
