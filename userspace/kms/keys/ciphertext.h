/* SPDX-License-Identifier: MIT */
/*
 * The steps that the cryptographic operations share: encrypt under a named key, decrypt a blob.
 *
 * Must never decrypt with a key other than the one the blob names.
 */
#ifndef ENVELOPE_KMS_CIPHERTEXT_H
#define ENVELOPE_KMS_CIPHERTEXT_H

#include "kms/call.h"
#include "kms/keys/context.h"
#include "lib/base/secret.h"

struct ciphertext_names {      /* how a request calls things: ReEncrypt has two of each */
	const char *key_id;    /* "KeyId", "SourceKeyId" */
	const char *context;   /* "EncryptionContext", "SourceEncryptionContext" */
	const char *algorithm; /* "EncryptionAlgorithm", ... */
};

/**
 * ciphertext_make() - encrypt @plain under the key and context the request names
 * @names: the key id is required
 * @arn: set to the key used
 *
 * Adds CiphertextBlob to the reply.
 *
 * Return: 0 or -1.
 */
int ciphertext_make(struct call *call, const struct ciphertext_names *names,
		    const struct secret *plain, char arn[ARN_MAX], struct fault *f);

/**
 * ciphertext_open() - decrypt CiphertextBlob of the request
 * @names: the key id is optional; if it is there it must be the blob's: IncorrectKeyException
 * @plain: set; secret_free()
 * @arn: set to the key used
 *
 * Return: 0 or -1.
 */
int ciphertext_open(struct call *call, const struct ciphertext_names *names, struct secret **plain,
		    char arn[ARN_MAX], struct fault *f);

/** ciphertext_dry_run() - DryRunOperationException, "would have succeeded"; Return: -1 */
int ciphertext_dry_run(struct fault *f);

#endif
