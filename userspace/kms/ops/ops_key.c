// SPDX-License-Identifier: MIT
/*
 * CreateKey, DescribeKey, ListKeys, UpdateKeyDescription, GetKeyLastUsage.
 *
 * Must never ignore a parameter that would have made the key safer.
 */
#include <stdlib.h>
#include <string.h>

#include "kms/auth/authorize.h"
#include "kms/auth/key_lookup.h"
#include "kms/auth/key_policy.h"
#include "kms/auth/user_binding.h"
#include "kms/keys/new_key.h"
#include "kms/keys/tags.h"
#include "kms/keys/usage.h"
#include "kms/ops/ops.h"
#include "kms/ops/page.h"
#include "kms/ops/params.h"
#include "kms/ops/policy_param.h"
#include "lib/base/json.h"

#define LIST_KEYS_MOST	  1000
#define LIST_KEYS_DEFAULT 100

static const char *const other_usages[] = {
	"SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE", NULL,
};

static const char *const other_specs[] = {
	"RSA_2048",	 "RSA_3072",	  "RSA_4096",	     "ECC_NIST_P256",
	"ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519",
	"HMAC_224",	 "HMAC_256",	  "HMAC_384",	     "HMAC_512",
	"SM2",		 "ML_DSA_44",	  "ML_DSA_65",	     "ML_DSA_87",
	"ML_KEM_512",	 "ML_KEM_768",	  "ML_KEM_1024",     NULL,
};

static const char *const other_origins[] = {
	"EXTERNAL",
	"AWS_CLOUDHSM",
	"EXTERNAL_KEY_STORE",
	NULL,
};

#define UNSUPPORTED "UnsupportedOperationException"

static const struct choice key_usage = { "ENCRYPT_DECRYPT", other_usages, UNSUPPORTED };
static const struct choice key_spec = { "SYMMETRIC_DEFAULT", other_specs, UNSUPPORTED };
static const struct choice origin = { "AWS_KMS", other_origins, UNSUPPORTED };

static int check_new_key(struct json_object *params, struct fault *f)
{
	bool multi_region;

	if (json_has(params, "KeySpec") && json_has(params, "CustomerMasterKeySpec"))
		return fault_set(f, "ValidationException",
				 "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.");
	if (param_choice(params, "KeyUsage", &key_usage, f) ||
	    param_choice(params, "KeySpec", &key_spec, f) ||
	    param_choice(params, "CustomerMasterKeySpec", &key_spec, f) ||
	    param_choice(params, "Origin", &origin, f) ||
	    param_refuse(params, "CustomKeyStoreId", f) || param_refuse(params, "XksKeyId", f) ||
	    param_flag(params, "MultiRegion", &multi_region, f))
		return -1;
	if (multi_region)
		return param_refuse(params, "MultiRegion", f);
	return 0;
}

/* The policy of the request, if there is one, must be one that the key may have. */
static int take_policy(struct call *call, struct cmk *cmk, struct fault *f)
{
	struct access access = access_of(call);
	const char *policy;
	bool bypass;

	if (policy_param(call->params, false, &policy, &bypass, f))
		return -1;
	if (!policy)
		return 0;
	strcpy(cmk->account, call->account);
	strcpy(cmk->region, call->region);
	cmk->policy = strdup(policy);
	if (!cmk->policy)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	access.key = cmk;
	return user_bind_policy(call->kms, cmk, f) ? -1 : key_policy_check(&access, bypass, f);
}

/* In AWS the caller must be allowed to tag keys, too: each one, since the new key has no id yet. */
static int take_tags(struct call *call, struct cmk *cmk, struct fault *f)
{
	struct access access = access_of(call);
	char arn[ARN_MAX];

	if (!json_has(call->params, "Tags"))
		return 0;
	arn_format_key(arn, "aws", call->region, call->account, "*");
	access.action = "TagResource";
	access.resource = arn;
	if (authorize(&access, f))
		return -1;
	return tags_add(&cmk->tags, json_get(call->params, "Tags"), f);
}

int op_create_key(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct access access = access_of(call);
	const char *description;
	char arn[ARN_MAX];

	if (check_new_key(call->params, f) ||
	    param_free_text(call->params, "Description", CMK_DESCRIPTION_MAX, &description, f) ||
	    authorize(&access, f))
		return -1;
	cmk.description = strdup(description ? description : "");
	if (!cmk.description)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	if (take_tags(call, &cmk, f) || take_policy(call, &cmk, f) || key_new(call, &cmk, f))
		return -1;
	cmk_arn(&cmk, arn);
	call_touch(call, arn);
	json_add_object(call->reply, "KeyMetadata", cmk_metadata(&cmk));
	return 0;
}

int op_describe_key(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct key_wanted wanted = { .use = USE_DESCRIBE };

	if (param_need_text(call->params, "KeyId", KEY_REF_TEXT_MAX, &wanted.key_id, f) ||
	    key_lookup(call, &wanted, &cmk, NULL, f))
		return -1;
	json_add_object(call->reply, "KeyMetadata", cmk_metadata(&cmk));
	return 0;
}

struct key_list {
	const char *region;
	struct page *page;
};

static int list_key(const struct cmk *cmk, void *userdata)
{
	const struct key_list *list = userdata;
	struct json_object *entry;
	char arn[ARN_MAX];

	if (strcmp(cmk->region, list->region))
		return 0;
	entry = json_object_new_object();
	cmk_arn(cmk, arn);
	json_add_string(entry, "KeyId", cmk->key_id);
	json_add_string(entry, "KeyArn", arn);
	return page_add(list->page, cmk->key_id, entry);
}

int op_list_keys(struct call *call, struct fault *f)
{
	_cleanup_page_ struct page page = { 0 };
	struct key_list list = { call->region, &page };
	struct access access = access_of(call);

	if (authorize(&access, f) ||
	    page_begin(&page, call->params, LIST_KEYS_MOST, LIST_KEYS_DEFAULT, f) ||
	    store_list_keys(call->kms->store, call->account, page.after, list_key, &list, f))
		return -1;
	page_end(&page, call->reply, "Keys");
	return 0;
}

/* A key that is older than the tracking may have been used before it. */
int op_get_key_last_usage(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int64_t since = store_usage_since(call->kms->store);

	if (op_key(call, "KeyId", USE_DESCRIBE, &cmk, f))
		return -1;
	json_add_string(call->reply, "KeyId", cmk.key_id);
	json_add_int(call->reply, "KeyCreationDate", cmk.created);
	json_add_int(call->reply, "TrackingStartDate", cmk.created > since ? cmk.created : since);
	json_add_object(call->reply, "KeyLastUsage", usage_reply(&cmk));
	return 0;
}

int op_update_key_description(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	const char *description;

	if (param_free_text(call->params, "Description", CMK_DESCRIPTION_MAX, &description, f))
		return -1;
	if (!description)
		return param_invalid(f, "description", "Member must not be null");
	if (op_key(call, "KeyId", USE_CHANGE, &cmk, f))
		return -1;
	free(cmk.description);
	cmk.description = strdup(description);
	if (!cmk.description)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	return store_update_key(call->kms->store, &cmk, f);
}
