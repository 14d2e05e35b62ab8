/* SPDX-License-Identifier: MIT */
/*
 * States of a customer master key, and which operation each state allows.
 *
 * No other file decides by state. The table is the one of AWS's "Key states" page.
 */
#ifndef ENVELOPE_KMS_KEY_STATE_H
#define ENVELOPE_KMS_KEY_STATE_H

#include "lib/base/fault.h"

enum key_state {
	KEY_ENABLED,
	KEY_DISABLED,
	KEY_PENDING_DELETION,
};

enum key_use {
	USE_CRYPTO,	       /* Encrypt, Decrypt, GenerateDataKey*, ReEncrypt */
	USE_DESCRIBE,	       /* DescribeKey, ListAliases, DeleteAlias, the calls on policies */
	USE_CHANGE,	       /* CreateAlias, UpdateAlias: the key pointed to; tags, description */
	USE_ROTATE,	       /* EnableKeyRotation, DisableKeyRotation, RotateKeyOnDemand */
	USE_ENABLE,	       /* EnableKey */
	USE_DISABLE,	       /* DisableKey */
	USE_SCHEDULE_DELETION, /* ScheduleKeyDeletion */
	USE_CANCEL_DELETION,   /* CancelKeyDeletion */
};

const char *key_state_name(enum key_state state);

int key_state_parse(const char *name, enum key_state *state);

int key_state_allows(enum key_state state, enum key_use use, const char *arn, struct fault *f);

#endif
