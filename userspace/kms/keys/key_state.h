/* SPDX-License-Identifier: MIT */
/*
 * States of a customer master key, and which operation each state allows.
 *
 * Must never be decided anywhere else: this is the table of AWS's "Key states" page.
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
	USE_DESCRIBE,	       /* DescribeKey, ListAliases */
	USE_ALIAS,	       /* CreateAlias, UpdateAlias: the key pointed to */
	USE_ENABLE,	       /* EnableKey */
	USE_DISABLE,	       /* DisableKey */
	USE_SCHEDULE_DELETION, /* ScheduleKeyDeletion */
	USE_CANCEL_DELETION,   /* CancelKeyDeletion */
};

/** key_state_name() - "Enabled", "Disabled", "PendingDeletion" */
const char *key_state_name(enum key_state state);

/** key_state_parse() - inverse of key_state_name(); Return: 0 or -1 */
int key_state_parse(const char *name, enum key_state *state);

/**
 * key_state_allows() - may a key in @state be put to @use?
 * @arn: of the key, for the message
 * @f: DisabledException or KMSInvalidStateException
 *
 * Return: 0 or -1.
 */
int key_state_allows(enum key_state state, enum key_use use, const char *arn, struct fault *f);

#endif
