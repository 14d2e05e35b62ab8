// SPDX-License-Identifier: MIT
/*
 * EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion.
 *
 * Must never answer before the new state is sealed and on disk: from then on every use is refused.
 */
#include "kms/keys/deletion.h"
#include "lib/base/json.h"
#include "kms/auth/key_lookup.h"
#include "kms/ops/ops.h"
#include "kms/ops/params.h"

#define WINDOW_LEAST 7
#define WINDOW_MOST  30
#define DAY_SECONDS  86400

static int find_key(struct call *call, enum key_use use, struct cmk *cmk, struct fault *f)
{
	const char *key_id;

	if (param_need_text(call->params, "KeyId", 2048, &key_id, f))
		return -1;
	return key_lookup_id(call, key_id, use, cmk, f);
}

static int set_state(struct call *call, enum key_use use, enum key_state state, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (find_key(call, use, &cmk, f))
		return -1;
	if (cmk.state == state)
		return 0;
	cmk.state = state;
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

int op_schedule_key_deletion(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	char arn[ARN_MAX];
	int64_t days;

	if (param_number(call->params, "PendingWindowInDays", WINDOW_LEAST, WINDOW_MOST,
			 WINDOW_MOST, &days, f) ||
	    find_key(call, USE_SCHEDULE_DELETION, &cmk, f))
		return -1;
	cmk.state = KEY_PENDING_DELETION;
	cmk.pending_days = (int)days;
	cmk.deletion = call->now + days * DAY_SECONDS;
	if (store_update_key(call->kms->store, &cmk, f))
		return -1;
	deletion_rearm(call->kms->deletion);
	cmk_arn(&cmk, arn);
	json_add_string(call->reply, "KeyId", arn);
	json_add_int(call->reply, "DeletionDate", cmk.deletion);
	json_add_string(call->reply, "KeyState", key_state_name(cmk.state));
	json_add_int(call->reply, "PendingWindowInDays", days);
	return 0;
}

int op_cancel_key_deletion(struct call *call, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	char arn[ARN_MAX];

	if (find_key(call, USE_CANCEL_DELETION, &cmk, f))
		return -1;
	cmk.state = KEY_DISABLED;
	cmk.pending_days = 0;
	cmk.deletion = 0;
	if (store_update_key(call->kms->store, &cmk, f))
		return -1;
	deletion_rearm(call->kms->deletion);
	cmk_arn(&cmk, arn);
	json_add_string(call->reply, "KeyId", arn);
	return 0;
}
