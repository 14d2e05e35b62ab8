// SPDX-License-Identifier: MIT
/*
 * EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion.
 *
 * Must never succeed before the new state is sealed: from then on every use is refused.
 */
#include "kms/auth/key_lookup.h"
#include "kms/keys/deletion.h"
#include "kms/keys/rotation.h"
#include "kms/ops/ops.h"
#include "kms/ops/params.h"
#include "lib/base/json.h"

#define WINDOW_LEAST 7

static int set_state(struct call *call, enum key_use use, enum key_state state, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (op_key(call, "KeyId", use, &cmk, f))
		return -1;
	if (cmk.state == state)
		return 0;
	cmk.state = state;
	/* A rotation that was due while the key was disabled is made now. */
	rotation_rearm(call->kms->rotation);
	return store_update_key(call->kms->store, &cmk, f);
}

int op_enable_key(struct call *call, struct fault *f)
{
	return set_state(call, USE_ENABLE, KEY_ENABLED, f);
}

int op_disable_key(struct call *call, struct fault *f)
{
	return set_state(call, USE_DISABLE, KEY_DISABLED, f);
}

/* Sets the deletion date of @cmk, or takes it back, and replies with the key's ARN. */
static int set_deletion(struct call *call, struct cmk *cmk, enum key_state state, int64_t days,
			struct fault *f)
{
	char arn[ARN_MAX];

	cmk->state = state;
	cmk->pending_days = (int)days;
	cmk->deletion = days ? call->now + days * CMK_DAY_SECONDS : 0;
	cmk->due = days ? store_clock(call->kms->store) + days * CMK_DAY_SECONDS : 0;
	if (store_update_key(call->kms->store, cmk, f))
		return -1;
	deletion_rearm(call->kms->deletion);
	cmk_arn(cmk, arn);
	json_add_string(call->reply, "KeyId", arn);
	return 0;
}

int op_schedule_key_deletion(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int64_t days;

	if (param_number(call->params, "PendingWindowInDays", WINDOW_LEAST, CMK_WAIT_DAYS_MOST,
			 CMK_WAIT_DAYS_MOST, &days, f) ||
	    op_key(call, "KeyId", USE_SCHEDULE_DELETION, &cmk, f) ||
	    set_deletion(call, &cmk, KEY_PENDING_DELETION, days, f))
		return -1;
	json_add_int(call->reply, "DeletionDate", cmk.deletion);
	json_add_string(call->reply, "KeyState", key_state_name(cmk.state));
	json_add_int(call->reply, "PendingWindowInDays", days);
	return 0;
}

int op_cancel_key_deletion(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (op_key(call, "KeyId", USE_CANCEL_DELETION, &cmk, f))
		return -1;
	return set_deletion(call, &cmk, KEY_DISABLED, 0, f);
}
