// SPDX-License-Identifier: MIT
/*
 * Encrypting under a key and decrypting a blob.
 *
 * Must never reveal whether a key of another account exists.
 */

#include "kms/ops/ciphertext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kms/auth/key_lookup.h"
#include "kms/keys/blob.h"
#include "kms/keys/usage.h"
#include "kms/ops/params.h"
#include "lib/base/base64.h"
#include "lib/base/json.h"

const struct ciphertext_names ciphertext_names = {
	"KeyId",
	"EncryptionContext",
	"EncryptionAlgorithm",
	NULL,
};

static const char *const other_algorithms[] = {
	"RSAES_OAEP_SHA_1",
	"RSAES_OAEP_SHA_256",
	"SM2PKE",
	NULL,
};

/* AWS has them for keys of other kinds. */
static const struct choice algorithm = {
	"SYMMETRIC_DEFAULT",
	other_algorithms,
	"InvalidKeyUsageException",
};

/* What both directions read before a key is looked up. */
static int read_params(struct call *call, const struct ciphertext_names *names,
		       struct key_wanted *wanted, struct context *context, struct fault *f)
{
	if (param_choice(call->params, names->algorithm, &algorithm, f) ||
	    context_read(call->params, names->context, context, f))
		return -1;
	wanted->context = json_get_object(call->params, names->context);
	wanted->action = names->action;
	return 0;
}

/*
 * Takes material @number of @cmk in place of the first one, which came with the key.
 *
 * Return: 0; -ENOENT with @f untouched when the key has no such material; or -1.
 */
static int take_material(struct call *call, const struct cmk *cmk, size_t number,
			 struct secret **material, struct ciphertext_key *used, struct fault *f)
{
	int r = 0;

	if (number > 0) {
		secret_free(*material);
		*material = NULL;
		r = store_get_material(call->kms->store, cmk, number, material, f);
	}
	if (!r) {
		usage_note(call, cmk);
		cmk_arn(cmk, used->arn);
		cmk_material_id(cmk, number, used->material);
	}
	return r;
}

/**
 * ciphertext_make() - encrypt @plain under the key and context that the request names
 * @names: the key id is required
 * @used: filled
 *
 * Adds CiphertextBlob to the reply.
 *
 * Return: 0 or -1.
 */
int ciphertext_make(struct call *call, const struct ciphertext_names *names,
		    const struct secret *plain, struct ciphertext_key *used, struct fault *f)
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
	    take_material(call, &cmk, materials_count(cmk.materials), &material, used, f) ||
	    blob_seal(&cmk, material, &context, plain, &blob, &size, f))
		return -1;
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

static int take_named_material(struct call *call, const struct cmk *cmk, size_t number,
			       struct secret **material, struct ciphertext_key *used,
			       struct fault *f)
{
	int r = take_material(call, cmk, number, material, used, f);

	if (r == -ENOENT)
		return fault_set(f, "InvalidCiphertextException",
				 "The ciphertext refers to a key material that the key does not have.");
	return r;
}

/**
 * ciphertext_open() - decrypt CiphertextBlob of the request
 * @names: the key id is optional; IncorrectKeyException when it is not the blob's
 * @plain: set; secret_free()
 * @used: filled
 *
 * Return: 0 or -1.
 */
int ciphertext_open(struct call *call, const struct ciphertext_names *names, struct secret **plain,
		    struct ciphertext_key *used, struct fault *f)
{
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_context_ struct context context = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct key_wanted wanted = { 0 };
	char key_id[KEY_ID_MAX];
	uint8_t *blob = NULL;
	size_t size, number;

	if (param_text(call->params, names->key_id, KEY_REF_TEXT_MAX, &wanted.key_id, f) ||
	    read_params(call, names, &wanted, &context, f) ||
	    param_blob(call->params, "CiphertextBlob", BLOB_MAX, &blob, &size, f))
		return -1;
	*plain = NULL;
	if (!blob_read_key(blob, size, key_id, &number, f) &&
	    !(wanted.key_id ? find_named_key : find_blob_key)(call, &wanted, key_id, &cmk,
							      &material, f) &&
	    !take_named_material(call, &cmk, number, &material, used, f))
		*plain = blob_open(material, &context, blob, size, f);
	free(blob);
	return *plain ? 0 : -1;
}

/** ciphertext_dry_run() - DryRunOperationException, "would have succeeded"; Return: -1 */
int ciphertext_dry_run(struct fault *f)
{
	return fault_set(f, "DryRunOperationException",
			 "The request would have succeeded, but the DryRun option is set.");
}
