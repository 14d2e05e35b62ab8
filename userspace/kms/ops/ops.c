// SPDX-License-Identifier: MIT
/*
 * Table of the operations.
 *
 * Must never list an operation that is not complete.
 */

#include "kms/ops/ops.h"

#include <string.h>

#include "kms/auth/key_lookup.h"
#include "kms/ops/params.h"

static const struct op ops[] = {
	{ "CancelKeyDeletion", op_cancel_key_deletion, false },
	{ "CreateAlias", op_create_alias, false },
	{ "CreateKey", op_create_key, false },
	{ "Decrypt", op_decrypt, true },
	{ "DeleteAlias", op_delete_alias, false },
	{ "DescribeKey", op_describe_key, true },
	{ "DisableKey", op_disable_key, false },
	{ "EnableKey", op_enable_key, false },
	{ "Encrypt", op_encrypt, true },
	{ "GenerateDataKey", op_generate_data_key, true },
	{ "GenerateDataKeyWithoutPlaintext", op_generate_data_key_without_plaintext, true },
	{ "ListAliases", op_list_aliases, true },
	{ "ListKeys", op_list_keys, true },
	{ "ReEncrypt", op_re_encrypt, true },
	{ "ScheduleKeyDeletion", op_schedule_key_deletion, false },
	{ "UpdateAlias", op_update_alias, false },
};

/* AWS's other operations. */
static const char *const not_served[] = {
	"ConnectCustomKeyStore",
	"CreateCustomKeyStore",
	"CreateGrant",
	"DeleteCustomKeyStore",
	"DeleteImportedKeyMaterial",
	"DeriveSharedSecret",
	"DescribeCustomKeyStores",
	"DisableKeyRotation",
	"DisconnectCustomKeyStore",
	"EnableKeyRotation",
	"GenerateDataKeyPair",
	"GenerateDataKeyPairWithoutPlaintext",
	"GenerateMac",
	"GenerateRandom",
	"GetKeyLastUsage",
	"GetKeyPolicy",
	"GetKeyRotationStatus",
	"GetParametersForImport",
	"GetPublicKey",
	"ImportKeyMaterial",
	"ListGrants",
	"ListKeyPolicies",
	"ListKeyRotations",
	"ListResourceTags",
	"ListRetirableGrants",
	"PutKeyPolicy",
	"ReplicateKey",
	"RetireGrant",
	"RevokeGrant",
	"RotateKeyOnDemand",
	"Sign",
	"TagResource",
	"UntagResource",
	"UpdateCustomKeyStore",
	"UpdateKeyDescription",
	"UpdatePrimaryRegion",
	"Verify",
	"VerifyMac",
};

static bool is_in(const char *const *list, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

/** op_is_of_aws() - is @name an operation of AWS KMS that this KMS does not serve? */
bool op_is_of_aws(const char *name)
{
	return is_in(not_served, sizeof(not_served) / sizeof(not_served[0]), name);
}

/* Calls that end access. Nothing must hold them up, such as a full disk. */
static const char *const revoking[] = { "DisableKey", "ScheduleKeyDeletion" };

/** op_revokes() - does operation @name end access? */
bool op_revokes(const char *name)
{
	return is_in(revoking, sizeof(revoking) / sizeof(revoking[0]), name);
}

/** op_find() - by name; Return: borrowed, or NULL */
const struct op *op_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}

/**
 * op_key() - find the key that required parameter @name holds the id or ARN of
 * @cmk: filled; cmk_free()
 *
 * Return: 0 or -1.
 */
int op_key(struct call *call, const char *name, enum key_use use, struct cmk *cmk, struct fault *f)
{
	const char *key_id;

	if (param_need_text(call->params, name, KEY_REF_TEXT_MAX, &key_id, f))
		return -1;
	return key_lookup_id(call, key_id, use, cmk, f);
}
