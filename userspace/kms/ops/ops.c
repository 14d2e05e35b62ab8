// SPDX-License-Identifier: MIT
/*
 * Table of the operations.
 *
 * Must never list one that is not whole.
 */

#include "kms/ops/ops.h"

#include <string.h>

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

const struct op *op_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}
