// SPDX-License-Identifier: MIT
/*
 * The key state table.
 *
 * Must never allow a cryptographic use of a key that is not enabled.
 */

#include "kms/keys/key_state.h"

#include <stdbool.h>
#include <string.h>

static const char *const state_names[] = {
	[KEY_ENABLED] = "Enabled",
	[KEY_DISABLED] = "Disabled",
	[KEY_PENDING_DELETION] = "PendingDeletion",
};

static const bool allowed[][3] = {
	/*			   Enabled  Disabled  PendingDeletion */
	[USE_CRYPTO] = { true, false, false },
	[USE_DESCRIBE] = { true, true, true },
	[USE_CHANGE] = { true, true, false },
	[USE_ROTATE] = { true, false, false },
	[USE_ENABLE] = { true, true, false },
	[USE_DISABLE] = { true, true, false },
	[USE_SCHEDULE_DELETION] = { true, true, false },
	[USE_CANCEL_DELETION] = { false, false, true },
};

/** key_state_name() - "Enabled", "Disabled", "PendingDeletion" */
const char *key_state_name(enum key_state state)
{
	return state_names[state];
}

/** key_state_parse() - inverse of key_state_name(); Return: 0 or -1 */
int key_state_parse(const char *name, enum key_state *state)
{
	size_t i;

	for (i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		if (!strcmp(state_names[i], name)) {
			*state = (enum key_state)i;
			return 0;
		}
	}
	return -1;
}

/**
 * key_state_allows() - may a key in @state be put to @use?
 * @arn: of the key, for the message
 * @f: DisabledException or KMSInvalidStateException
 *
 * Return: 0 or -1.
 */
int key_state_allows(enum key_state state, enum key_use use, const char *arn, struct fault *f)
{
	if (allowed[use][state])
		return 0;
	if (use == USE_CANCEL_DELETION)
		return fault_set(f, "KMSInvalidStateException", "%s is not pending deletion.", arn);
	if (state == KEY_DISABLED)
		return fault_set(f, "DisabledException", "%s is disabled.", arn);
	return fault_set(f, "KMSInvalidStateException", "%s is pending deletion.", arn);
}
