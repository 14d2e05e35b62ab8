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
	{ "CancelKeyDeletion", op_cancel_key_deletion, OP_CHANGES },
	{ "CreateAlias", op_create_alias, OP_CHANGES },
	{ "CreateGrant", op_create_grant, OP_CHANGES },
	{ "CreateKey", op_create_key, OP_CHANGES },
	{ "Decrypt", op_decrypt, OP_READS },
	{ "DeleteAlias", op_delete_alias, OP_CHANGES },
	{ "DescribeKey", op_describe_key, OP_READS },
	{ "DisableKey", op_disable_key, OP_REVOKES },
	{ "DisableKeyRotation", op_disable_key_rotation, OP_CHANGES },
	{ "EnableKey", op_enable_key, OP_CHANGES },
	{ "EnableKeyRotation", op_enable_key_rotation, OP_CHANGES },
	{ "Encrypt", op_encrypt, OP_READS },
	{ "GenerateDataKey", op_generate_data_key, OP_READS },
	{ "GenerateDataKeyWithoutPlaintext", op_generate_data_key_without_plaintext, OP_READS },
	{ "GenerateRandom", op_generate_random, OP_READS },
	{ "GetKeyLastUsage", op_get_key_last_usage, OP_READS },
	{ "GetKeyPolicy", op_get_key_policy, OP_READS },
	{ "GetKeyRotationStatus", op_get_key_rotation_status, OP_READS },
	{ "ListAliases", op_list_aliases, OP_READS },
	{ "ListGrants", op_list_grants, OP_READS },
	{ "ListKeyPolicies", op_list_key_policies, OP_READS },
	{ "ListKeyRotations", op_list_key_rotations, OP_READS },
	{ "ListKeys", op_list_keys, OP_READS },
	{ "ListResourceTags", op_list_resource_tags, OP_READS },
	{ "ListRetirableGrants", op_list_retirable_grants, OP_READS },
	{ "PutKeyPolicy", op_put_key_policy, OP_REVOKES },
	{ "ReEncrypt", op_re_encrypt, OP_READS },
	{ "RetireGrant", op_retire_grant, OP_REVOKES },
	{ "RevokeGrant", op_revoke_grant, OP_REVOKES },
	{ "RotateKeyOnDemand", op_rotate_key_on_demand, OP_CHANGES },
	{ "ScheduleKeyDeletion", op_schedule_key_deletion, OP_REVOKES },
	{ "TagResource", op_tag_resource, OP_CHANGES },
	{ "UntagResource", op_untag_resource, OP_CHANGES },
	{ "UpdateAlias", op_update_alias, OP_CHANGES },
	{ "UpdateKeyDescription", op_update_key_description, OP_CHANGES },
};

/* AWS's other operations. */
static const char *const not_served[] = {
	"ConnectCustomKeyStore",
	"CreateCustomKeyStore",
	"Decapsulate",
	"DeleteCustomKeyStore",
	"DeleteImportedKeyMaterial",
	"DeriveSharedSecret",
	"DescribeCustomKeyStores",
	"DisconnectCustomKeyStore",
	"Encapsulate",
	"GenerateDataKeyPair",
	"GenerateDataKeyPairWithoutPlaintext",
	"GenerateMac",
	"GetParametersForImport",
	"GetPublicKey",
	"ImportKeyMaterial",
	"ReplicateKey",
	"Sign",
	"UpdateCustomKeyStore",
	"UpdatePrimaryRegion",
	"Verify",
	"VerifyMac",
};

/** op_is_of_aws() - is @name an operation of AWS KMS that this KMS does not serve? */
bool op_is_of_aws(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(not_served) / sizeof(not_served[0]); i++)
		if (!strcmp(not_served[i], name))
			return true;
	return false;
}

/** op_in() - the operation @name of a table of @count; Return: borrowed, or NULL */
const struct op *op_in(const struct op *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

/** op_find() - by name; Return: borrowed, or NULL */
const struct op *op_find(const char *name)
{
	return op_in(ops, sizeof(ops) / sizeof(ops[0]), name);
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
