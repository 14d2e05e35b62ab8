// SPDX-License-Identifier: MIT
/*
 * Encrypting under a key and decrypting a blob.
 *
 * Must never reveal whether a key of another account exists.
 */

#include "kms/keys/ciphertext.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"
#include "kms/keys/blob.h"
#include "lib/base/json.h"
#include "kms/auth/key_lookup.h"
#include "kms/ops/params.h"

int ciphertext_make(struct call *call, const struct ciphertext_names *names,
		    const struct secret *plain, char arn[ARN_MAX], struct fault *f)
{
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_context_ struct context context = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	const char *key_id;
	uint8_t *blob;
	size_t size;
	char *text;

	if (param_need_text(call->params, names->key_id, 2048, &key_id, f) ||
	    param_choice(call->params, names->algorithm, "SYMMETRIC_DEFAULT", f) ||
	    context_read(call->params, names->context, &context, f) ||
	    key_lookup(call, key_id, USE_CRYPTO, &cmk, &material, f) ||
	    blob_seal(&cmk, material, &context, plain, &blob, &size, f))
		return -1;
	cmk_arn(&cmk, arn);
	text = base64_encode(blob, size);
	free(blob);
	if (!text)
		return fault_set(f, "KMSInternalException", "out of memory");
	json_add_string(call->reply, "CiphertextBlob", text);
	free(text);
	return 0;
}

/* A key that the caller names must be the one in the blob. */
static int check_named_key(struct call *call, const char *name, const char *key_id, struct fault *f)
{
	_cleanup_cmk_ struct cmk named = { 0 };

	if (key_lookup(call, name, USE_DESCRIBE, &named, NULL, f))
		return -1;
	if (strcmp(named.key_id, key_id) != 0)
		return fault_set(f, "IncorrectKeyException",
				 "The key ID in the request does not identify a CMK that can perform this operation.");
	return 0;
}

/* The key that a blob names; when nobody named it, a stranger learns nothing about it. */
static int lookup_blob_key(struct call *call, const char *named, const char *key_id,
			   struct cmk *cmk, struct secret **material, struct fault *f)
{
	if (named && check_named_key(call, named, key_id, f))
		return -1;
	if (key_lookup(call, named ? named : key_id, USE_CRYPTO, cmk, material, f) == 0)
		return 0;
	if (!named && strcmp(f->code, "NotFoundException") == 0)
		fault_set(f, "AccessDeniedException",
			  "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.");
	return -1;
}

int ciphertext_open(struct call *call, const struct ciphertext_names *names, struct secret **plain,
		    char arn[ARN_MAX], struct fault *f)
{
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_context_ struct context context = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	char key_id[KEY_ID_MAX];
	const char *named;
	uint8_t *blob = NULL;
	size_t size;

	if (param_text(call->params, names->key_id, 2048, &named, f) ||
	    param_choice(call->params, names->algorithm, "SYMMETRIC_DEFAULT", f) ||
	    context_read(call->params, names->context, &context, f) ||
	    param_blob(call->params, "CiphertextBlob", BLOB_MAX, &blob, &size, f))
		return -1;
	*plain = NULL;
	if (blob_key_id(blob, size, key_id, f) == 0 &&
	    lookup_blob_key(call, named, key_id, &cmk, &material, f) == 0) {
		*plain = blob_open(material, &context, blob, size, f);
		cmk_arn(&cmk, arn);
	}
	free(blob);
	return *plain ? 0 : -1;
}

int ciphertext_dry_run(struct fault *f)
{
	return fault_set(f, "DryRunOperationException",
			 "The request would have succeeded, but the DryRun option is set.");
}
