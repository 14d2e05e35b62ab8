// SPDX-License-Identifier: MIT
/*
 * PutKeyPolicy, GetKeyPolicy, ListKeyPolicies.
 *
 * Must never keep a policy that is not read and checked in full.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kms/auth/authorize.h"
#include "kms/auth/key_policy.h"
#include "kms/auth/user_binding.h"
#include "kms/ops/ops.h"
#include "kms/ops/page.h"
#include "kms/ops/params.h"
#include "kms/ops/policy_param.h"
#include "lib/base/json.h"

#define POLICY_NAME	      "default" /* AWS has no other */
#define POLICY_NAME_MAX	      128
#define LIST_POLICIES_MOST    1000
#define LIST_POLICIES_DEFAULT 100

/* AWS's [\w]+, or NULL when absent */
static int read_name(struct json_object *params, const char **name, struct fault *f)
{
	if (param_text(params, "PolicyName", POLICY_NAME_MAX, name, f))
		return -1;
	for (const char *at = *name; at && *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_')
			return param_invalid(f, "PolicyName",
					     "Member must satisfy regular expression pattern: [\\w]+");
	return 0;
}

static int check_name(const char *name, struct fault *f)
{
	if (name && strcmp(name, POLICY_NAME))
		return fault_set(f, "NotFoundException", "No such policy exists");
	return 0;
}

/* Gives @cmk the policy of the request. The caller must be able to change it again. */
static int set_policy(struct call *call, struct cmk *cmk, const char *policy, bool bypass,
		      struct fault *f)
{
	struct access access = access_of(call);

	free(cmk->policy);
	cmk->policy = strdup(policy);
	if (!cmk->policy)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	access.key = cmk;
	return user_bind_policy(call->kms, cmk, f) ? -1 : key_policy_check(&access, bypass, f);
}

int op_put_key_policy(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	const char *policy, *name;
	bool bypass;

	if (policy_param(call->params, true, &policy, &bypass, f) ||
	    read_name(call->params, &name, f) || op_key(call, "KeyId", USE_DESCRIBE, &cmk, f) ||
	    check_name(name, f) || set_policy(call, &cmk, policy, bypass, f))
		return -1;
	return store_update_key(call->kms->store, &cmk, f);
}

int op_get_key_policy(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	const char *name;
	char *text;

	if (read_name(call->params, &name, f) || op_key(call, "KeyId", USE_DESCRIBE, &cmk, f) ||
	    check_name(name, f))
		return -1;
	text = user_show_policy(call->kms, &cmk, key_policy_text(&cmk));
	if (!text)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	json_add_string(call->reply, "Policy", text);
	json_add_string(call->reply, "PolicyName", POLICY_NAME);
	free(text);
	return 0;
}

int op_list_key_policies(struct call *call, struct fault *f)
{
	_cleanup_page_ struct page page = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (op_key(call, "KeyId", USE_DESCRIBE, &cmk, f) ||
	    page_begin(&page, call->params, LIST_POLICIES_MOST, LIST_POLICIES_DEFAULT, f))
		return -1;
	if (strcmp(POLICY_NAME, page.after) > 0)
		page_add(&page, POLICY_NAME, json_object_new_string(POLICY_NAME));
	page_end(&page, call->reply, "PolicyNames");
	return 0;
}
