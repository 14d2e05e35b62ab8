// SPDX-License-Identifier: MIT
/*
 * Encrypting under a key and decrypting a blob.
 *
 * Must never reveal whether a key of another account exists.
 */

#include "kms/ops/ciphertext.h"

#include <stdlib.h>
#include <string.h>

#include "kms/auth/key_lookup.h"
#include "kms/keys/blob.h"
#include "kms/ops/params.h"
#include "lib/base/base64.h"
#include "lib/base/json.h"

const struct ciphertext_names ciphertext_names = {
	"KeyId",
	"EncryptionContext",
	"EncryptionAlgorithm",
	NULL,
};

/* What both directions read before a key is looked up. */
static int read_params(struct call *call, const struct ciphertext_names *names,
		       struct key_wanted *wanted, struct context *context, struct fault *f)
{
	if (param_choice(call->params, names->algorithm, "SYMMETRIC_DEFAULT", f) ||
	    context_read(call->params, names->context, context, f))
		return -1;
	wanted->context = json_get_object(call->params, names->context);
	wanted->action = names->action;
	return 0;
}

/**
 * ciphertext_make() - encrypt @plain under the key and context that the request names
 * @names: the key id is required
 * @arn: set to the key used
 *
 * Adds CiphertextBlob to the reply.
 *
 * Return: 0 or -1.
 */
int ciphertext_make(struct call *call, const struct ciphertext_names *names,
		    const struct secret *plain, char arn[ARN_MAX], struct fault *f)
{
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_context_ struct context context = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct key_wanted wanted = { .use = USE_CRYPTO };
	uint8_t *blob;
	size_t size;
	char *text;

	if (param_need_text(call->params, names->key_id, KEY_REF_TEXT_MAX, &wanted.key_id, f) ||
	    read_params(call, names, &wanted, &context, f) ||
	    key_lookup(call, &wanted, &cmk, &material, f) ||
	    blob_seal(&cmk, material, &context, plain, &blob, &size, f))
		return -1;
	cmk_arn(&cmk, arn);
	text = base64_encode(blob, size);
	free(blob);
	if (!text)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	json_add_string(call->reply, "CiphertextBlob", text);
	free(text);
	return 0;
}

/* The key that the request names must be the one in the blob. Its state matters after that. */
static int find_named_key(struct call *call, struct key_wanted *wanted, const char *key_id,
			  struct cmk *cmk, struct secret **material, struct fault *f)
{
	char arn[ARN_MAX];

	wanted->use = USE_DESCRIBE;
	if (key_lookup(call, wanted, cmk, material, f))
		return -1;
	if (strcmp(cmk->key_id, key_id))
		return fault_set(f, "IncorrectKeyException",
				 "The key ID in the request does not identify a CMK that can perform this operation.");
	cmk_arn(cmk, arn);
	return key_state_allows(cmk->state, USE_CRYPTO, arn, f);
}

/* The key in the blob. The request does not name it, so a stranger learns nothing about it. */
static int find_blob_key(struct call *call, struct key_wanted *wanted, const char *key_id,
			 struct cmk *cmk, struct secret **material, struct fault *f)
{
	wanted->key_id = key_id;
	wanted->use = USE_CRYPTO;
	if (!key_lookup(call, wanted, cmk, material, f))
		return 0;
	if (!strcmp(f->code, "NotFoundException"))
		fault_set(f, "AccessDeniedException",
			  "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.");
	return -1;
}

/**
 * ciphertext_open() - decrypt CiphertextBlob of the request
 * @names: the key id is optional; IncorrectKeyException when it is not the blob's
 * @plain: set; secret_free()
 * @arn: set to the key used
 *
 * Return: 0 or -1.
 */
int ciphertext_open(struct call *call, const struct ciphertext_names *names, struct secret **plain,
		    char arn[ARN_MAX], struct fault *f)
{
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_context_ struct context context = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct key_wanted wanted = { 0 };
	char key_id[KEY_ID_MAX];
	uint8_t *blob = NULL;
	size_t size;

	if (param_text(call->params, names->key_id, KEY_REF_TEXT_MAX, &wanted.key_id, f) ||
	    read_params(call, names, &wanted, &context, f) ||
	    param_blob(call->params, "CiphertextBlob", BLOB_MAX, &blob, &size, f))
		return -1;
	*plain = NULL;
	if (!blob_key_id(blob, size, key_id, f) &&
	    !(wanted.key_id ? find_named_key : find_blob_key)(call, &wanted, key_id, &cmk,
							      &material, f)) {
		*plain = blob_open(material, &context, blob, size, f);
		cmk_arn(&cmk, arn);
	}
	free(blob);
	return *plain ? 0 : -1;
}

/** ciphertext_dry_run() - DryRunOperationException, "would have succeeded"; Return: -1 */
int ciphertext_dry_run(struct fault *f)
{
	return fault_set(f, "DryRunOperationException",
			 "The request would have succeeded, but the DryRun option is set.");
}
