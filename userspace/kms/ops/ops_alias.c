// SPDX-License-Identifier: MIT
/*
 * CreateAlias, UpdateAlias, DeleteAlias, ListAliases.
 *
 * Must never let a client make, move or delete a name under alias/aws/.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/auth/authorize.h"
#include "kms/auth/key_lookup.h"
#include "kms/ops/ops.h"
#include "kms/ops/page.h"
#include "kms/ops/params.h"
#include "lib/base/json.h"

#define ALIAS_NAME_MAX	     256
#define ALIASES_OF_A_KEY     50
#define LIST_ALIASES_MOST    100
#define LIST_ALIASES_DEFAULT 50

static void alias_arn(const struct call *call, const char *name, char arn[ARN_MAX])
{
	arn_format_key(arn, "aws", call->region, call->account, name);
}

/* Reads AliasName of a request that would change the alias. */
static int own_alias_name(struct call *call, const char **name, struct fault *f)
{
	struct access access = access_of(call);
	char arn[ARN_MAX];

	if (param_need_text(call->params, "AliasName", ALIAS_NAME_MAX, name, f))
		return -1;
	if (!arn_valid_alias(*name))
		return fault_set(f, "ValidationException",
				 "1 validation error detected: Value at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: alias/[a-zA-Z0-9/_-]+");
	alias_arn(call, *name, arn);
	if (!strncmp(*name, "alias/aws/", 10))
		return fault_set(f, "InvalidAliasNameException",
				 "%s is reserved: names under alias/aws/ belong to AWS managed keys. Choose another name.",
				 arn);
	access.resource = arn;
	return authorize(&access, f);
}

static int check_quota(struct call *call, const struct cmk *cmk, struct fault *f)
{
	int64_t count;

	if (store_count_aliases(call->kms->store, cmk->key_id, &count, f))
		return -1;
	if (count < ALIASES_OF_A_KEY)
		return 0;
	return fault_set(f, "LimitExceededException",
			 "A key can have %d aliases. Delete some with DeleteAlias.",
			 ALIASES_OF_A_KEY);
}

int op_create_alias(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct alias alias;
	char arn[ARN_MAX];
	const char *name;
	int r;

	if (own_alias_name(call, &name, f) || op_key(call, "TargetKeyId", USE_CHANGE, &cmk, f))
		return -1;
	if (check_quota(call, &cmk, f))
		return -1;
	alias_point(&alias, name, &cmk, call->now);
	r = store_add_alias(call->kms->store, &alias, f);
	if (r == -EEXIST) {
		alias_arn(call, name, arn);
		return fault_set(f, "AlreadyExistsException",
				 "An alias with the name %s already exists", arn);
	}
	return r;
}

/* In AWS the policy of the key that an alias leaves must allow the change, too. */
static int may_leave_key(struct call *call, const char *key_id, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	return key_lookup_id(call, key_id, USE_DESCRIBE, &cmk, f);
}

static int alias_not_found(const struct call *call, const char *name, struct fault *f)
{
	char arn[ARN_MAX];

	alias_arn(call, name, arn);
	return fault_set(f, "NotFoundException", "Alias %s is not found.", arn);
}

int op_update_alias(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct alias alias;
	const char *name;
	int r;

	if (own_alias_name(call, &name, f) || op_key(call, "TargetKeyId", USE_CHANGE, &cmk, f))
		return -1;
	r = store_get_alias(call->kms->store, call->region, call->account, name, &alias, f);
	if (r == -ENOENT)
		return alias_not_found(call, name, f);
	if (r || may_leave_key(call, alias.target, f))
		return -1;
	if (strcmp(alias.target, cmk.key_id) && check_quota(call, &cmk, f))
		return -1;
	memcpy(alias.target, cmk.key_id, sizeof(alias.target));
	alias.updated = call->now;
	return store_update_alias(call->kms->store, &alias, f);
}

int op_delete_alias(struct call *call, struct fault *f)
{
	struct alias alias;
	const char *name;
	int r;

	if (own_alias_name(call, &name, f))
		return -1;
	r = store_get_alias(call->kms->store, call->region, call->account, name, &alias, f);
	if (r == -ENOENT)
		return alias_not_found(call, name, f);
	if (r || may_leave_key(call, alias.target, f))
		return -1;
	r = store_delete_alias(call->kms->store, call->region, call->account, name, f);
	return r == -ENOENT ? alias_not_found(call, name, f) : r;
}

static int list_alias(const struct alias *alias, void *userdata)
{
	struct json_object *entry;
	char arn[ARN_MAX];

	arn_format_key(arn, "aws", alias->region, alias->account, alias->name);
	entry = json_object_new_object();
	json_add_string(entry, "AliasName", alias->name);
	json_add_string(entry, "AliasArn", arn);
	json_add_string(entry, "TargetKeyId", alias->target);
	json_add_int(entry, "CreationDate", alias->created);
	json_add_int(entry, "LastUpdatedDate", alias->updated);
	return page_add(userdata, alias->name, entry);
}

int op_list_aliases(struct call *call, struct fault *f)
{
	_cleanup_page_ struct page page = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct access access = access_of(call);
	const char *key_id;

	if (authorize(&access, f) ||
	    param_text(call->params, "KeyId", KEY_REF_TEXT_MAX, &key_id, f) ||
	    (key_id && key_lookup_id(call, key_id, USE_DESCRIBE, &cmk, f)) ||
	    page_begin(&page, call->params, LIST_ALIASES_MOST, LIST_ALIASES_DEFAULT, f) ||
	    store_list_aliases(call->kms->store, call->region, call->account,
			       key_id ? cmk.key_id : NULL, page.after, list_alias, &page, f))
		return -1;
	page_end(&page, call->reply, "Aliases");
	return 0;
}
