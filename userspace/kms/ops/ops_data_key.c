// SPDX-License-Identifier: MIT
/*
 * GenerateDataKey, GenerateDataKeyWithoutPlaintext.
 *
 * Must never keep a data key: it exists until the reply is made, in locked memory.
 */
#include <string.h>

#include "kms/keys/crypto.h"
#include "kms/ops/ciphertext.h"
#include "kms/ops/ops.h"
#include "kms/ops/params.h"
#include "kms/ops/plaintext.h"
#include "lib/base/json.h"

#define DATA_KEY_MAX 1024

static int data_key_size(struct json_object *params, size_t *size, struct fault *f)
{
	const char *spec;
	int64_t bytes;

	if (param_text(params, "KeySpec", 64, &spec, f) ||
	    param_number(params, "NumberOfBytes", 1, DATA_KEY_MAX, 0, &bytes, f))
		return -1;
	if (!spec == (bytes == 0))
		return fault_set(f, "ValidationException",
				 "Please specify either number of bytes or key spec.");
	if (!spec)
		*size = (size_t)bytes;
	else if (!strcmp(spec, "AES_256"))
		*size = 32;
	else if (!strcmp(spec, "AES_128"))
		*size = 16;
	else
		return fault_set(f, "ValidationException",
				 "1 validation error detected: Value '%.32s' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]",
				 spec);
	return 0;
}

/* @names_material: does the reply name the material? AWS's does not beside a CiphertextForRecipient */
static int generate(struct call *call, struct secret **key, bool names_material, struct fault *f)
{
	struct ciphertext_key used;
	bool dry_run;
	size_t size;

	if (param_flag(call->params, "DryRun", &dry_run, f) ||
	    data_key_size(call->params, &size, f))
		return -1;
	*key = secret_new(size);
	if (!*key || crypto_random((*key)->bytes, size))
		return fault_set(f, "KMSInternalException",
				 "A data key cannot be made. Raise LimitMEMLOCK, and try again.");
	if (ciphertext_make(call, &ciphertext_names, *key, &used, f))
		return -1;
	if (dry_run)
		return ciphertext_dry_run(f);
	json_add_string(call->reply, "KeyId", used.arn);
	strcpy(call->material, used.material);
	if (names_material)
		json_add_string(call->reply, "KeyMaterialId", used.material);
	return 0;
}

int op_generate_data_key(struct call *call, struct fault *f)
{
	_cleanup_recipient_ struct recipient recipient = { 0 };
	_cleanup_secret_ struct secret *key = NULL;

	if (plaintext_route(call, json_get_bool(call->params, "DryRun", false), &recipient, f) ||
	    generate(call, &key, !recipient.spki, f))
		return -1;
	return plaintext_reply(call, &recipient, key, f);
}

int op_generate_data_key_without_plaintext(struct call *call, struct fault *f)
{
	_cleanup_secret_ struct secret *key = NULL;

	return generate(call, &key, true, f);
}
