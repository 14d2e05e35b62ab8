// SPDX-License-Identifier: MIT
/*
 * Resolving, loading, authorizing and state-checking keys.
 *
 * The key is loaded first and the caller authorized then, since the decision depends on the key.
 * A denial hides what loading found out: a stranger gets one answer for a key that exists and one
 * that does not. A key that cannot be read is KMSInternalException for everybody, because its policy
 * cannot be read either, and a denial ends clusters for good.
 *
 * Must never let a key live on past its deletion date, even if the timer has not destroyed it.
 */

#include "kms/auth/key_lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/auth/authorize.h"
#include "kms/keys/new_key.h"

struct named { /* what a request names */
	struct key_ref ref;
	const char *account;
	char resource[ARN_MAX]; /* key or alias, as named */
	char key_id[KEY_ID_MAX];
	char arn[ARN_MAX]; /* of the key */
};

static int not_found(const struct named *named, struct fault *f)
{
	return fault_set(f, "NotFoundException", "Key '%s' does not exist", named->arn);
}

static int read_name(struct call *call, const char *text, struct named *named, struct fault *f)
{
	struct key_ref *ref = &named->ref;

	if (key_ref_parse(text, ref, f))
		return -1;
	if (ref->region[0] && (strcmp(ref->region, call->region) || strcmp(ref->partition, "aws")))
		return fault_set(f, "NotFoundException", "Invalid arn %s", ref->region);
	named->account = ref->account[0] ? ref->account : call->account;
	arn_format_key(named->resource, "aws", call->region, named->account, ref->name);
	return 0;
}

static void point_to(struct call *call, struct named *named, const char *key_id)
{
	memcpy(named->key_id, key_id, KEY_ID_MAX - 1);
	arn_format_key(named->arn, "aws", call->region, named->account, named->key_id);
}

/* Return: 0; -ENOENT with @f when there is no such key; or -1. */
static int load(struct call *call, const struct named *named, struct cmk *cmk,
		struct secret **material, struct fault *f)
{
	int r = store_get_key(call->kms->store, named->key_id, cmk, material, f);

	if (!r &&
	    (strcmp(cmk->region, call->region) || strcmp(cmk->account, named->account) ||
	     (cmk->state == KEY_PENDING_DELETION && cmk->due <= store_clock(call->kms->store)))) {
		cmk_free(cmk);
		secret_free(*material);
		*material = NULL;
		r = -ENOENT;
	}
	if (r == -ENOENT)
		not_found(named, f);
	return r;
}

/* As load(), of the key that an alias points to. */
static int load_alias(struct call *call, struct named *named, struct cmk *cmk,
		      struct secret **material, struct fault *f)
{
	struct alias alias;
	int r = store_get_alias(call->kms->store, call->region, named->account, named->ref.name,
				&alias, f);

	if (r == -ENOENT)
		fault_set(f, "NotFoundException", "Alias %s is not found.", named->resource);
	if (r)
		return r;
	point_to(call, named, alias.target);
	return load(call, named, cmk, material, f);
}

static int load_named(struct call *call, struct named *named, struct cmk *cmk,
		      struct secret **material, struct fault *f)
{
	if (key_ref_is_alias(&named->ref))
		return load_alias(call, named, cmk, material, f);
	point_to(call, named, named->ref.name);
	/* Audited even if refused: the caller named this ARN, unlike the key behind an alias. */
	call_touch(call, named->arn);
	return load(call, named, cmk, material, f);
}

static int ask(struct call *call, const struct named *named, const struct key_wanted *wanted,
	       const struct cmk *cmk, struct fault *f)
{
	struct access access = access_of(call);

	access.key = cmk;
	access.account = named->account;
	access.resource = named->resource;
	access.context = wanted->context;
	access.grant = wanted->grant;
	access.rotation_days = wanted->rotation_days;
	if (wanted->action)
		access.action = wanted->action;
	return authorize(&access, f);
}

/* A default key is made by its first use. @future: the key that would be made, for its policy */
static bool is_to_be_made(const struct call *call, const struct named *named, struct cmk *future)
{
	if (named->key_id[0] || !default_key_is(named->ref.name) ||
	    strcmp(named->account, call->account))
		return false;
	*future = (struct cmk){ .key_id = "00000000-0000-0000-0000-000000000000",
				.state = KEY_ENABLED,
				.aws_managed = true };
	snprintf(future->account, sizeof(future->account), "%s", named->account);
	snprintf(future->region, sizeof(future->region), "%s", call->region);
	return true;
}

static int find(struct call *call, const struct key_wanted *wanted, struct cmk *cmk,
		struct secret **material, struct fault *f)
{
	struct named named = { 0 };
	struct cmk future;
	struct fault why;
	bool make;
	int found;

	if (read_name(call, wanted->key_id, &named, f))
		return -1;
	found = load_named(call, &named, cmk, material, &why);
	/* Nobody knows what the policy of a damaged key allows. A wrong denial would end a cluster. */
	if (found && found != -ENOENT) {
		*f = why;
		return -1;
	}
	make = found == -ENOENT && is_to_be_made(call, &named, &future);
	if (ask(call, &named, wanted, make ? &future : found ? NULL : cmk, f))
		return -1;
	if (make) {
		if (default_key_make(call, named.ref.name, f))
			return -1;
		found = load_alias(call, &named, cmk, material, &why);
	}
	if (named.key_id[0])
		call_touch(call, named.arn);
	if (found) {
		*f = why;
		return -1;
	}
	return key_state_allows(cmk->state, wanted->use, named.arn, f);
}

/**
 * key_lookup() - find the key for an operation
 * @wanted: alias/aws/rds and alias/aws/dms are made on first use
 * @cmk: filled; cmk_free()
 * @material: NULL, or set to the key's material; secret_free()
 *
 * Return: 0 or -1.
 */
int key_lookup(struct call *call, const struct key_wanted *wanted, struct cmk *cmk,
	       struct secret **material, struct fault *f)
{
	_cleanup_secret_ struct secret *loaded = NULL;

	if (find(call, wanted, cmk, &loaded, f)) {
		cmk_free(cmk);
		return -1;
	}
	if (material) {
		*material = loaded;
		loaded = NULL;
	}
	return 0;
}

/** key_lookup_no_alias() - as key_lookup(), for an operation that takes a key id or ARN and no alias */
int key_lookup_no_alias(struct call *call, const struct key_wanted *wanted, struct cmk *cmk,
			struct fault *f)
{
	struct key_ref ref;

	if (key_ref_parse(wanted->key_id, &ref, f))
		return -1;
	if (key_ref_is_alias(&ref))
		return fault_set(f, "NotFoundException",
				 "Invalid keyId '%s': %s takes a key id or key ARN, not an alias.",
				 wanted->key_id, call->operation);
	return key_lookup(call, wanted, cmk, NULL, f);
}

/** key_lookup_id() - as key_lookup_no_alias(), of the key that @text names */
int key_lookup_id(struct call *call, const char *text, enum key_use use, struct cmk *cmk,
		  struct fault *f)
{
	struct key_wanted wanted = { .key_id = text, .use = use };

	return key_lookup_no_alias(call, &wanted, cmk, f);
}
