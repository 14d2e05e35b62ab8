// SPDX-License-Identifier: MIT
/*
 * EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, ListKeyRotations, RotateKeyOnDemand.
 *
 * Must never end a material: what it has encrypted stays readable until the key is destroyed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kms/auth/key_lookup.h"
#include "kms/keys/rotation.h"
#include "kms/ops/ops.h"
#include "kms/ops/page.h"
#include "kms/ops/params.h"
#include "lib/base/json.h"

#define PERIOD_LEAST	       90 /* days */
#define PERIOD_MOST	       2560
#define LIST_ROTATIONS_MOST    1000
#define LIST_ROTATIONS_DEFAULT 100

/* The key that the parameter KeyId names, for a change of its rotation. */
static int find_key(struct call *call, int64_t days, struct cmk *cmk, struct fault *f)
{
	struct key_wanted wanted = { .use = USE_ROTATE, .rotation_days = days };

	if (param_need_text(call->params, "KeyId", KEY_REF_TEXT_MAX, &wanted.key_id, f))
		return -1;
	return key_lookup_no_alias(call, &wanted, cmk, f);
}

/* The same period again leaves the day of the next rotation as it is. */
int op_enable_key_rotation(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int64_t days;

	if (param_number(call->params, "RotationPeriodInDays", PERIOD_LEAST, PERIOD_MOST, 0, &days,
			 f) ||
	    find_key(call, days, &cmk, f))
		return -1;
	if (!days)
		days = CMK_ROTATION_DAYS;
	if (cmk.rotation_days == days)
		return 0;
	cmk_begin_rotation(&cmk, (int)days, store_clock(call->kms->store));
	rotation_rearm(call->kms->rotation);
	return store_update_key(call->kms->store, &cmk, f);
}

int op_disable_key_rotation(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (find_key(call, 0, &cmk, f))
		return -1;
	if (!cmk.rotation_days)
		return 0;
	cmk.rotation_days = 0;
	cmk.rotation_due = 0;
	return store_update_key(call->kms->store, &cmk, f);
}

/* The date is an estimate: the period counts the time that the host is up. */
int op_get_key_rotation_status(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	bool enabled;

	if (op_key(call, "KeyId", USE_DESCRIBE, &cmk, f))
		return -1;
	enabled = cmk.rotation_days && cmk.state != KEY_PENDING_DELETION;
	json_add_string(call->reply, "KeyId", cmk.key_id);
	json_add_bool(call->reply, "KeyRotationEnabled", enabled);
	if (enabled)
		json_add_int(call->reply, "RotationPeriodInDays", cmk.rotation_days);
	if (enabled && cmk.state == KEY_ENABLED)
		json_add_int(call->reply, "NextRotationDate",
			     call->now + cmk.rotation_due - store_clock(call->kms->store));
	return 0;
}

static struct json_object *rotation_entry(const struct cmk *cmk, size_t number)
{
	struct json_object *entry = json_object_new_object();
	char id[MATERIAL_ID_CHARS + 1];
	struct material material;

	json_add_string(entry, "KeyId", cmk->key_id);
	json_add_string(entry, "KeyMaterialId", cmk_material_id(cmk, number, id));
	json_add_string(entry, "KeyMaterialState",
			number == materials_count(cmk->materials) ? "CURRENT" : "NON_CURRENT");
	if (!materials_get(cmk->materials, number, &material)) {
		json_add_int(entry, "RotationDate", material.date);
		json_add_string(entry, "RotationType", rotation_type_name(material.type));
	}
	return entry;
}

/* Lists the oldest material first, and with @all the one that the key was made with. */
static void list(const struct cmk *cmk, bool all, struct page *page)
{
	char name[8];

	for (size_t i = all ? 0 : 1; i <= materials_count(cmk->materials); i++) {
		snprintf(name, sizeof(name), "%05zu", i);
		if (strcmp(name, page->after) > 0 && page_add(page, name, rotation_entry(cmk, i)))
			return;
	}
}

static int read_all(struct json_object *params, bool *all, struct fault *f)
{
	const char *which;

	if (param_text(params, "IncludeKeyMaterial", 64, &which, f))
		return -1;
	*all = which && !strcmp(which, "ALL_KEY_MATERIAL");
	if (!which || *all || !strcmp(which, "ROTATIONS_ONLY"))
		return 0;
	return param_invalid(f, "includeKeyMaterial",
			     "Member must satisfy enum value set: [ALL_KEY_MATERIAL, ROTATIONS_ONLY]");
}

int op_list_key_rotations(struct call *call, struct fault *f)
{
	_cleanup_page_ struct page page = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	bool all;

	if (read_all(call->params, &all, f) ||
	    page_begin(&page, call->params, LIST_ROTATIONS_MOST, LIST_ROTATIONS_DEFAULT, f) ||
	    op_key(call, "KeyId", USE_DESCRIBE, &cmk, f))
		return -1;
	list(&cmk, all, &page);
	page_end(&page, call->reply, "Rotations");
	return 0;
}

/* The rotation is done when the call is answered. It leaves the day of the automatic one as it is. */
int op_rotate_key_on_demand(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (find_key(call, 0, &cmk, f))
		return -1;
	if (materials_on_demand(cmk.materials) >= MATERIALS_ON_DEMAND)
		return fault_set(f, "LimitExceededException",
				 "Key %s was rotated %d times on demand, which is the limit.",
				 cmk.key_id, MATERIALS_ON_DEMAND);
	if (key_rotate(call->kms->store, &cmk, ROTATION_ON_DEMAND, call->now, f))
		return -1;
	json_add_string(call->reply, "KeyId", cmk.key_id);
	return 0;
}
