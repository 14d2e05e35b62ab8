// SPDX-License-Identifier: MIT
/*
 * CreateGrant, RevokeGrant, RetireGrant.
 *
 * Must never tell a caller that may not see the key whether a grant exists.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kms/auth/key_lookup.h"
#include "kms/auth/user_binding.h"
#include "kms/grants/grant_groups.h"
#include "kms/keys/crypto.h"
#include "kms/ops/ciphertext.h"
#include "kms/ops/grant_params.h"
#include "kms/ops/ops.h"
#include "kms/ops/params.h"
#include "lib/base/hex.h"
#include "lib/base/json.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
}

struct search {
	const struct grant *wanted;
	char *id; /* of the grant that was found, "" for none */
};

static int compare(const struct grant *grant, void *userdata)
{
	struct search *search = userdata;

	if (!grant_same(grant, search->wanted))
		return 0;
	strcpy(search->id, grant->id);
	return 1;
}

/* A grant with the same name and the same terms makes a second CreateGrant give its id again. */
static int find_same(struct call *call, struct grant *grant, struct fault *f)
{
	struct search search = { grant, grant->id };
	char group[GRANT_GROUP_CHARS + 1];

	if (!grant->name[0])
		return 0;
	if (grant_group_of_terms(grant, group))
		return no_memory(f);
	return store_find_grants(call->kms->store, group, compare, &search, f);
}

static int check_quota(struct call *call, const struct cmk *cmk, struct fault *f)
{
	int64_t count;

	if (store_count_grants(call->kms->store, cmk->key_id, &count, f))
		return -1;
	if (count < GRANTS_OF_A_KEY_MOST)
		return 0;
	return fault_set(f, "LimitExceededException",
			 "A key can have %d grants. Retire or revoke some.", GRANTS_OF_A_KEY_MOST);
}

/* A decision may have to read all grants of a bounded group. */
static int check_groups(struct call *call, const struct grant *grant, struct fault *f)
{
	struct grant_groups groups;
	size_t count;

	if (grant_groups(grant, &groups))
		return no_memory(f);
	for (size_t i = 0; i < groups.count; i++) {
		if (!groups.bounded[i])
			continue;
		if (store_count_group(call->kms->store, groups.list[i], GRANTS_OF_A_GROUP, &count,
				      f))
			return -1;
		if (count >= GRANTS_OF_A_GROUP)
			return fault_set(f, "LimitExceededException",
					 "A grantee can have %d grants on a key with CreateGrant, and %d with more than one pair in EncryptionContextSubset. Retire or revoke some.",
					 GRANTS_OF_A_GROUP, GRANTS_OF_A_GROUP);
	}
	return 0;
}

static int make(struct call *call, const struct cmk *cmk, struct grant *grant, struct fault *f)
{
	uint8_t id[GRANT_ID_CHARS / 2];
	char *hex;

	if (check_quota(call, cmk, f) || check_groups(call, grant, f))
		return -1;
	hex = crypto_random(id, sizeof(id)) ? NULL : hex_encode(id, sizeof(id));
	if (!hex)
		return no_memory(f);
	strcpy(grant->id, hex);
	free(hex);
	grant->created = call->now;
	return store_add_grant(call->kms->store, grant, f);
}

static int reply_grant(struct call *call, const struct grant *grant, struct fault *f)
{
	char *token = store_make_token(call->kms->store, grant->id);

	if (!token)
		return fault_set(f, "KMSInternalException",
				 "A grant token cannot be made. Raise LimitMEMLOCK, and try again.");
	json_add_string(call->reply, "GrantToken", token);
	json_add_string(call->reply, "GrantId", grant->id);
	free(token);
	strcpy(call->grant_id, grant->id);
	return 0;
}

/* The key, which the policy or another grant must allow @grant on. */
static int find_key(struct call *call, struct grant *grant, struct cmk *cmk, struct fault *f)
{
	struct key_wanted wanted = { .use = USE_CRYPTO, .context = grant->context, .grant = grant };

	if (param_need_text(call->params, "KeyId", KEY_REF_TEXT_MAX, &wanted.key_id, f) ||
	    key_lookup_no_alias(call, &wanted, cmk, f))
		return -1;
	strcpy(grant->key_id, cmk->key_id);
	strcpy(grant->account, cmk->account);
	strcpy(grant->region, cmk->region);
	strcpy(grant->issuer, call->account);
	return 0;
}

static int bind(struct call *call, const char *name, const char *arn, char id[USER_ID_CHARS + 1],
		struct fault *f)
{
	int r = user_bind(call->kms, arn, id, f);

	return r != -ENOENT ? r
			    : fault_set(f, "InvalidArnException",
					"There is no user and no profile with the ARN that is %s.",
					name);
}

/* The grant is for the users that have the names now. */
static int bind_users(struct call *call, struct grant *grant, struct fault *f)
{
	if (bind(call, "GranteePrincipal", grant->grantee, grant->grantee_id, f))
		return -1;
	return bind(call, "RetiringPrincipal", grant->retiring, grant->retiring_id, f);
}

int op_create_grant(struct call *call, struct fault *f)
{
	_cleanup_grant_ struct grant grant = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	bool dry_run;

	if (param_flag(call->params, "DryRun", &dry_run, f) ||
	    grant_params(call->params, &grant, f) || find_key(call, &grant, &cmk, f) ||
	    bind_users(call, &grant, f) || find_same(call, &grant, f) ||
	    (!grant.id[0] && make(call, &cmk, &grant, f)))
		return -1;
	if (dry_run)
		return ciphertext_dry_run(f);
	return reply_grant(call, &grant, f);
}

static int grant_not_found(const char *grant_id, struct fault *f)
{
	return fault_set(f, "NotFoundException", "Grant ID %s not found", grant_id);
}

int op_revoke_grant(struct call *call, struct fault *f)
{
	_cleanup_grant_ struct grant grant = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	const char *grant_id;
	bool dry_run;
	int r;

	if (param_flag(call->params, "DryRun", &dry_run, f) ||
	    grant_id_param(call->params, true, &grant_id, f))
		return -1;
	strcpy(call->grant_id, grant_id);
	if (op_key(call, "KeyId", USE_DESCRIBE, &cmk, f))
		return -1;
	r = store_get_grant_to_end(call->kms->store, grant_id, &grant, f);
	if (r == -ENOENT || (!r && strcmp(grant.key_id, cmk.key_id)))
		return grant_not_found(grant_id, f);
	if (r)
		return -1;
	if (dry_run)
		return ciphertext_dry_run(f);
	return store_delete_grant(call->kms->store, &grant, f);
}

/* What RetireGrant names its grant by: a token, or a key and a grant id. */
static int read_retired(struct call *call, const char **key_id, char grant_id[GRANT_ID_CHARS + 1],
			struct fault *f)
{
	const char *token, *id;

	if (param_text(call->params, "GrantToken", GRANT_TOKEN_MAX, &token, f) ||
	    param_text(call->params, "KeyId", KEY_REF_TEXT_MAX, key_id, f) ||
	    grant_id_param(call->params, false, &id, f))
		return -1;
	if (token ? *key_id || id : !*key_id || !id)
		return fault_set(f, "ValidationException",
				 "RetireGrant takes a GrantToken, or a KeyId with a GrantId.");
	if (token)
		return store_read_token(call->kms->store, token, grant_id, f);
	strcpy(grant_id, id);
	return 0;
}

/* Return: 0, with an empty @grant for one that does not exist, or -1 */
static int load_retired(struct call *call, const char *grant_id, struct grant *grant,
			struct fault *f)
{
	int r = store_get_grant_to_end(call->kms->store, grant_id, grant, f);

	return r == -ENOENT ? 0 : r;
}

static bool is_key_of(const struct grant *grant, const char *key_id)
{
	struct key_ref ref;

	return !key_ref_parse(key_id, &ref, NULL) && !strcmp(ref.name, grant->key_id);
}

/* Only a caller that may retire the grant, or whom the policy allows it, learns of it. */
static int find_retired(struct call *call, const char *key_id, struct grant *grant, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct key_wanted wanted = { .use = USE_DESCRIBE };
	char arn[ARN_MAX];
	bool found = grant->id[0] && (!key_id || is_key_of(grant, key_id));

	if (!key_id && !found)
		return grant_not_found(call->grant_id, f);
	if (!key_id)
		arn_format_key(arn, "aws", call->region, grant->account, grant->key_id);
	wanted.key_id = key_id ? key_id : arn;
	wanted.grant = found ? grant : NULL;
	wanted.context = found ? grant->context : NULL;
	if (key_lookup_no_alias(call, &wanted, &cmk, f))
		return -1;
	return found ? 0 : grant_not_found(call->grant_id, f);
}

int op_retire_grant(struct call *call, struct fault *f)
{
	_cleanup_grant_ struct grant grant = { 0 };
	const char *key_id;
	bool dry_run;

	if (param_flag(call->params, "DryRun", &dry_run, f) ||
	    read_retired(call, &key_id, call->grant_id, f) ||
	    load_retired(call, call->grant_id, &grant, f) || find_retired(call, key_id, &grant, f))
		return -1;
	if (dry_run)
		return ciphertext_dry_run(f);
	return store_delete_grant(call->kms->store, &grant, f);
}
