// SPDX-License-Identifier: MIT
/*
 * Resolving, authorizing and state-checking keys; making new ones.
 *
 * Must never let a key live on past its deletion date, whatever the timer did.
 */

#include "kms/auth/key_lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-id128.h>

#include "kms/audit/audit.h"
#include "kms/auth/authorize.h"
#include "kms/keys/crypto.h"

int key_new(struct call *call, struct cmk *cmk, struct fault *f)
{
	_cleanup_secret_ struct secret *material = secret_new(CMK_MATERIAL_BYTES);
	sd_id128_t id;

	if (!material || crypto_random(material->bytes, material->size) ||
	    sd_id128_randomize(&id) < 0)
		return fault_set(f, "KMSInternalException", "cannot make key material");
	sd_id128_to_uuid_string(id, cmk->key_id);
	memcpy(cmk->account, call->caller->account, sizeof(cmk->account));
	strcpy(cmk->region, call->region);
	cmk->state = KEY_ENABLED;
	cmk->created = call->now;
	return store_add_key(call->kms->store, cmk, material, f);
}

static int add_default_key(struct call *call, struct cmk *cmk, const char *name,
			   struct alias *alias, struct fault *f)
{
	int ret;

	if (key_new(call, cmk, f))
		return -1;
	*alias = (struct alias){ .created = call->now, .updated = call->now };
	strcpy(alias->name, name);
	memcpy(alias->account, cmk->account, sizeof(alias->account));
	memcpy(alias->region, cmk->region, sizeof(alias->region));
	memcpy(alias->target, cmk->key_id, sizeof(alias->target));
	ret = store_add_alias(call->kms->store, alias, f);
	if (ret == -EEXIST)
		return fault_set(f, "KMSInternalException", "%s exists already", name);
	return ret;
}

/* The default keys of RDS and DMS. Return: 0 and @alias, -ENOENT for other names, or -1. */
static int make_default_key(struct call *call, const char *account, const char *name,
			    struct alias *alias, struct fault *f)
{
	const char *description;
	struct cmk cmk = { .aws_managed = true };

	if (!call->caller || strcmp(account, call->caller->account) != 0)
		return -ENOENT;
	if (strcmp(name, "alias/aws/rds") == 0)
		description =
			"Default key that protects my RDS database volumes when no other key is defined";
	else if (strcmp(name, "alias/aws/dms") == 0)
		description =
			"Default key that protects my DMS replication information when no other key is defined";
	else
		return -ENOENT;
	cmk.description = (char *)description;
	/* Only calls that change nothing else come here: those that do take no alias. */
	if (store_begin(call->kms->store, f))
		return -1;
	if (add_default_key(call, &cmk, name, alias, f) ||
	    audit_default_key(call->kms->audit, call, &cmk, name, f)) {
		store_rollback(call->kms->store);
		return -1;
	}
	return store_commit(call->kms->store, f);
}

static int resolve_alias(struct call *call, const struct key_ref *ref, const char *account,
			 char key_id[KEY_ID_MAX], struct fault *f)
{
	struct alias alias;
	char arn[ARN_MAX];
	int ret;

	arn_format_key(arn, "aws", call->region, account, ref->name);
	if (authorize(call, account, arn, false, f))
		return -1;
	ret = store_get_alias(call->kms->store, account, ref->name, &alias, f);
	if (ret == -ENOENT)
		ret = make_default_key(call, account, ref->name, &alias, f);
	if (ret == -ENOENT)
		return fault_set(f, "NotFoundException", "Alias %s is not found.", arn);
	if (ret)
		return -1;
	memcpy(key_id, alias.target, KEY_ID_MAX);
	return 0;
}

static int resolve(struct call *call, const struct key_ref *ref, const char *account,
		   char key_id[KEY_ID_MAX], char arn[ARN_MAX], struct fault *f)
{
	if (ref->region[0] &&
	    (strcmp(ref->region, call->region) != 0 || strcmp(ref->partition, "aws") != 0))
		return fault_set(f, "NotFoundException", "Invalid arn %s", ref->region);
	if (key_ref_is_alias(ref)) {
		if (resolve_alias(call, ref, account, key_id, f))
			return -1;
	} else {
		memcpy(key_id, ref->name, KEY_ID_MAX - 1);
		key_id[KEY_ID_MAX - 1] = '\0';
	}
	arn_format_key(arn, "aws", call->region, account, key_id);
	return 0;
}

static int not_found(const char *arn, struct fault *f)
{
	return fault_set(f, "NotFoundException", "Key '%s' does not exist", arn);
}

static int load(struct call *call, const char *key_id, const char *account, const char *arn,
		struct cmk *cmk, struct secret **material, struct fault *f)
{
	int ret = store_get_key(call->kms->store, key_id, cmk, material, f);

	if (ret == -ENOENT)
		return not_found(arn, f);
	if (ret)
		return -1;
	if (strcmp(cmk->account, account) == 0 &&
	    !(cmk->state == KEY_PENDING_DELETION && cmk->deletion <= call->now))
		return 0;
	return not_found(arn, f);
}

int key_lookup(struct call *call, const char *text, enum key_use use, struct cmk *cmk,
	       struct secret **material, struct fault *f)
{
	_cleanup_secret_ struct secret *loaded = NULL;
	char key_id[KEY_ID_MAX], arn[ARN_MAX];
	const char *account;
	struct key_ref ref;

	if (key_ref_parse(text, &ref, f))
		return -1;
	account = ref.account[0] ? ref.account : call->caller->account;
	if (resolve(call, &ref, account, key_id, arn, f))
		return -1;
	call_touch(call, arn);
	if (authorize(call, account, arn, false, f) ||
	    load(call, key_id, account, arn, cmk, &loaded, f))
		return -1;
	if (authorize(call, account, arn, cmk->aws_managed, f) ||
	    key_state_allows(cmk->state, use, arn, f)) {
		cmk_free(cmk);
		return -1;
	}
	if (material) {
		*material = loaded;
		loaded = NULL;
	}
	return 0;
}

int key_lookup_id(struct call *call, const char *text, enum key_use use, struct cmk *cmk,
		  struct fault *f)
{
	struct key_ref ref;

	if (key_ref_parse(text, &ref, f))
		return -1;
	if (key_ref_is_alias(&ref))
		return fault_set(f, "NotFoundException",
				 "Invalid keyId '%s': %s takes a key id or key ARN, not an alias",
				 text, call->operation);
	return key_lookup(call, text, use, cmk, NULL, f);
}
