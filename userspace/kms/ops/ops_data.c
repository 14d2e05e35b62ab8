// SPDX-License-Identifier: MIT
/*
 * Encrypt, Decrypt, ReEncrypt.
 *
 * Must never let plaintext out but through plaintext.c.
 */
#include "kms/ops/ciphertext.h"
#include "kms/ops/ops.h"
#include "kms/ops/params.h"
#include "kms/ops/plaintext.h"
#include "lib/base/json.h"

#define PLAINTEXT_MAX 4096

static const struct ciphertext_names source_names = {
	"SourceKeyId",
	"SourceEncryptionContext",
	"SourceEncryptionAlgorithm",
	"ReEncryptFrom",
};

static const struct ciphertext_names destination_names = {
	"DestinationKeyId",
	"DestinationEncryptionContext",
	"DestinationEncryptionAlgorithm",
	"ReEncryptTo",
};

static void reply_key(struct call *call, const struct ciphertext_key *used)
{
	json_add_string(call->reply, "KeyId", used->arn);
	json_add_string(call->reply, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	strcpy(call->material, used->material);
}

int op_encrypt(struct call *call, struct fault *f)
{
	_cleanup_secret_ struct secret *plain = NULL;
	struct ciphertext_key used;
	bool dry_run;

	call->has_plaintext = true;
	/* The plaintext has travelled already. Refuse it, so that no client is built that sends it. */
	if (call->transport == TRANSPORT_UNIX)
		return plaintext_over_unix(call, f);
	if (param_flag(call->params, "DryRun", &dry_run, f) ||
	    param_secret(call->params, "Plaintext", PLAINTEXT_MAX, &plain, f) ||
	    ciphertext_make(call, &ciphertext_names, plain, &used, f))
		return -1;
	if (dry_run)
		return ciphertext_dry_run(f);
	reply_key(call, &used);
	return 0;
}

int op_decrypt(struct call *call, struct fault *f)
{
	_cleanup_recipient_ struct recipient recipient = { 0 };
	_cleanup_secret_ struct secret *plain = NULL;
	struct ciphertext_key used;
	bool dry_run;

	if (param_flag(call->params, "DryRun", &dry_run, f) ||
	    param_refuse(call->params, "DryRunModifiers", f) ||
	    plaintext_route(call, dry_run, &recipient, f) ||
	    ciphertext_open(call, &ciphertext_names, &plain, &used, f))
		return -1;
	if (dry_run)
		return ciphertext_dry_run(f);
	reply_key(call, &used);
	if (!recipient.spki) /* as AWS */
		json_add_string(call->reply, "KeyMaterialId", used.material);
	return plaintext_reply(call, &recipient, plain, f);
}

int op_re_encrypt(struct call *call, struct fault *f)
{
	_cleanup_secret_ struct secret *plain = NULL;
	struct ciphertext_key source, destination;
	bool dry_run;

	if (param_flag(call->params, "DryRun", &dry_run, f) ||
	    param_refuse(call->params, "DryRunModifiers", f) ||
	    ciphertext_open(call, &source_names, &plain, &source, f) ||
	    ciphertext_make(call, &destination_names, plain, &destination, f))
		return -1;
	if (dry_run)
		return ciphertext_dry_run(f);
	json_add_string(call->reply, "SourceKeyId", source.arn);
	json_add_string(call->reply, "KeyId", destination.arn);
	strcpy(call->material, destination.material);
	strcpy(call->source_material, source.material);
	json_add_string(call->reply, "SourceKeyMaterialId", source.material);
	json_add_string(call->reply, "DestinationKeyMaterialId", destination.material);
	json_add_string(call->reply, "SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	json_add_string(call->reply, "DestinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	return 0;
}
