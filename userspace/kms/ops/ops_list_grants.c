// SPDX-License-Identifier: MIT
/*
 * ListGrants, ListRetirableGrants.
 *
 * Must never list a grant token: who holds one may name its grant.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/auth/authorize.h"
#include "kms/auth/user_binding.h"
#include "kms/ops/grant_params.h"
#include "kms/ops/ops.h"
#include "kms/ops/page.h"
#include "kms/ops/params.h"
#include "lib/base/json.h"

#define LIST_GRANTS_MOST    100
#define LIST_GRANTS_DEFAULT 50

struct grant_page {
	struct kms *kms;
	struct page *page;
};

/* A user that is gone is its id, as in AWS. */
static void show_user(struct kms *kms, struct json_object *entry, const char *name, const char *arn,
		      const char *id)
{
	if (id[0] && user_is_gone(kms, arn, id))
		json_add_string(entry, name, id);
}

static int list_grant(const struct grant *grant, void *userdata)
{
	const struct grant_page *list = userdata;
	struct json_object *entry = grant_entry(grant);

	show_user(list->kms, entry, "GranteePrincipal", grant->grantee, grant->grantee_id);
	show_user(list->kms, entry, "RetiringPrincipal", grant->retiring, grant->retiring_id);
	return page_add(list->page, grant->id, entry);
}

/* Lists the grant @grant_id if it passes @filter. */
static int list_one(struct call *call, const struct grant_filter *filter, const char *grant_id,
		    struct grant_page *list, struct fault *f)
{
	_cleanup_grant_ struct grant grant = { 0 };
	int r = store_get_grant(call->kms->store, grant_id, &grant, f);

	if (r && r != -ENOENT)
		return -1;
	if (!r && !strcmp(grant.key_id, filter->key_id) &&
	    (!filter->grantee || !strcmp(grant.grantee, filter->grantee)) &&
	    strcmp(grant.id, list->page->after) > 0)
		list_grant(&grant, list);
	return 0;
}

/* @grant_id: NULL for all that pass @filter */
static int reply_grants(struct call *call, const struct grant_filter *filter, const char *grant_id,
			struct fault *f)
{
	_cleanup_page_ struct page page = { 0 };
	struct grant_page list = { call->kms, &page };

	if (page_begin(&page, call->params, LIST_GRANTS_MOST, LIST_GRANTS_DEFAULT, f) ||
	    (grant_id ? list_one(call, filter, grant_id, &list, f)
		      : store_list_grants(call->kms->store, filter, page.after, list_grant, &list,
					  f)))
		return -1;
	page_end(&page, call->reply, "Grants");
	return 0;
}

int op_list_grants(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct grant_filter filter = { .key_id = cmk.key_id };
	const char *grant_id;

	if (param_refuse(call->params, "GranteeServicePrincipal", f) ||
	    grant_id_param(call->params, false, &grant_id, f) ||
	    grant_principal_param(call->params, "GranteePrincipal", false, &filter.grantee, f) ||
	    op_key(call, "KeyId", USE_DESCRIBE, &cmk, f))
		return -1;
	if (grant_id)
		strcpy(call->grant_id, grant_id);
	return reply_grants(call, &filter, grant_id, f);
}

/* The principal is one of the account of the caller. The keys may be of other accounts. */
int op_list_retirable_grants(struct call *call, struct fault *f)
{
	struct access access = access_of(call);
	struct grant_filter filter = { .region = call->region };
	char account[sizeof(call->caller->account)];

	if (param_refuse(call->params, "RetiringServicePrincipal", f) ||
	    grant_principal_param(call->params, "RetiringPrincipal", true, &filter.retiring, f))
		return -1;
	snprintf(account, sizeof(account), "%s", filter.retiring + strlen("arn:aws:iam::"));
	access.account = account;
	access.resource = filter.retiring;
	return authorize(&access, f) ? -1 : reply_grants(call, &filter, NULL, f);
}
