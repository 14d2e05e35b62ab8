// SPDX-License-Identifier: MIT
/* See usage.h. */
#include "kms/keys/usage.h"

#include <stdio.h>
#include <string.h>

#include "kms/audit/kms_audit.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

#define KEPT_SECONDS 3600

/* A use that seems to be later than now is of a wrong clock, and tells nothing. */
static bool is_fresh(const struct cmk *cmk, int64_t now)
{
	int64_t age = now - cmk->usage.time;

	return cmk->usage.operation[0] && age >= 0 && age < KEPT_SECONDS;
}

/** usage_note() - @call uses @cmk; usage_keep() keeps it when the call has its record */
void usage_note(struct call *call, const struct cmk *cmk)
{
	if (is_fresh(cmk, call->now) || call->used_count >= CALL_RESOURCES_MAX)
		return;
	memcpy(call->used[call->used_count++], cmk->key_id, KEY_ID_MAX);
}

static int keep(struct call *call, const char *key_id, struct fault *f)
{
	struct store *store = call->kms->store;
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (store_get_key(store, key_id, &cmk, NULL, f))
		return -1;
	if (is_fresh(&cmk, call->now)) /* ReEncrypt under one key */
		return 0;
	snprintf(cmk.usage.operation, sizeof(cmk.usage.operation), "%s", call->operation);
	cmk.usage.time = call->now;
	snprintf(cmk.usage.event, sizeof(cmk.usage.event), "%s",
		 audit_last_event(call->kms->audit));
	snprintf(cmk.usage.request, sizeof(cmk.usage.request), "%s", call->request_id);
	if (store_begin_aside(store, f))
		return -1;
	if (store_update_key(store, &cmk, f)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, f);
}

/** usage_keep() - keep the uses that @call noted, which has succeeded and has its record */
void usage_keep(struct call *call)
{
	struct fault f = { 0 };

	for (size_t i = 0; i < call->used_count; i++)
		if (keep(call, call->used[i], &f))
			log_debug("The use of key %s is not kept, the next one may be: %s",
				  call->used[i], f.message);
}

/** usage_reply() - AWS's KeyLastUsageData, which is empty for a key that was not used */
struct json_object *usage_reply(const struct cmk *cmk)
{
	struct json_object *usage = json_object_new_object();

	if (!cmk->usage.operation[0])
		return usage;
	json_add_string(usage, "Operation", cmk->usage.operation);
	json_add_int(usage, "Timestamp", cmk->usage.time);
	json_add_string(usage, "CloudTrailEventId", cmk->usage.event);
	json_add_string(usage, "KmsRequestId", cmk->usage.request);
	return usage;
}
