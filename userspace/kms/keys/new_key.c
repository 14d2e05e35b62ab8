// SPDX-License-Identifier: MIT
/*
 * Making keys.
 *
 * Must never let key material out of locked memory.
 */

#include "kms/keys/new_key.h"

#include <errno.h>
#include <string.h>

#include <systemd/sd-id128.h>

#include "kms/audit/kms_audit.h"
#include "kms/keys/crypto.h"
#include "kms/keys/rotation.h"

static const struct default_key {
	const char *alias;
	const char *description;
} default_keys[] = {
	{ "alias/aws/dms",
	  "Default key that protects my DMS replication information when no other key is defined" },
	{ "alias/aws/rds",
	  "Default key that protects my RDS database volumes when no other key is defined" },
};

/**
 * key_new() - make a key in the caller's account and store it
 * @cmk: account, region, id, state and creation date are filled in; description and aws_managed
 *	are taken from it
 *
 * Return: 0 or -1.
 */
int key_new(struct call *call, struct cmk *cmk, struct fault *f)
{
	_cleanup_secret_ struct secret *material = secret_new(CMK_MATERIAL_BYTES);
	sd_id128_t id;

	if (!material || crypto_random(material->bytes, material->size) ||
	    sd_id128_randomize(&id) < 0)
		return fault_set(f, "KMSInternalException",
				 "Key material cannot be made. Raise LimitMEMLOCK, and try again.");
	sd_id128_to_uuid_string(id, cmk->key_id);
	strcpy(cmk->account, call->account);
	strcpy(cmk->region, call->region);
	cmk->state = KEY_ENABLED;
	cmk->created = call->now;
	if (cmk->aws_managed)
		cmk_begin_rotation(cmk, CMK_ROTATION_DAYS, store_clock(call->kms->store));
	if (material_id(cmk->key_id, material, cmk->first_material, f))
		return -1;
	return store_add_key(call->kms->store, cmk, material, f);
}

static const struct default_key *find(const char *alias)
{
	size_t i;

	for (i = 0; i < sizeof(default_keys) / sizeof(default_keys[0]); i++)
		if (!strcmp(default_keys[i].alias, alias))
			return &default_keys[i];
	return NULL;
}

/** default_key_is() - true when the key of @alias is made on first use */
bool default_key_is(const char *alias)
{
	return find(alias) != NULL;
}

static int add_default_key(struct call *call, struct cmk *cmk, const char *name, struct fault *f)
{
	struct alias alias;
	int r;

	if (key_new(call, cmk, f))
		return -1;
	alias_point(&alias, name, cmk, call->now);
	r = store_add_alias(call->kms->store, &alias, f);
	if (r == -EEXIST)
		return fault_set(f, "KMSInternalException", "%s exists already. Try again.", name);
	return r;
}

/**
 * default_key_make() - make the default key of the caller's account
 * @alias: default_key_is()
 *
 * Begins and commits a change of its own: only operations that change nothing take an alias.
 *
 * Return: 0 or -1.
 */
int default_key_make(struct call *call, const char *alias, struct fault *f)
{
	struct cmk cmk = { .aws_managed = true };

	cmk.description = (char *)find(alias)->description;
	if (store_begin(call->kms->store, f))
		return -1;
	if (add_default_key(call, &cmk, alias, f) ||
	    audit_default_key(call->kms->audit, call, &cmk, alias, f)) {
		store_rollback(call->kms->store);
		return -1;
	}
	store_note_event(call->kms->store, audit_last_event(call->kms->audit),
			 audit_last_sequence(call->kms->audit));
	rotation_rearm(call->kms->rotation);
	return store_commit(call->kms->store, f);
}
