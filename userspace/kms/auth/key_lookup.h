/* SPDX-License-Identifier: MIT */
/*
 * From what a client calls a key to the key: resolve, authorize, check the state.
 *
 * Must never hand out material before all three are done.
 */
#ifndef ENVELOPE_KMS_KEY_LOOKUP_H
#define ENVELOPE_KMS_KEY_LOOKUP_H

#include "kms/call.h"
#include "kms/keys/cmk.h"
#include "kms/keys/key_state.h"

/**
 * key_lookup() - find the key for an operation
 * @key_id: key id, key ARN, alias name or alias ARN; alias/aws/rds and alias/aws/dms are made on
 *	first use
 * @use: what it is wanted for
 * @cmk: filled; cmk_free()
 * @material: NULL, or set to the key's material
 *
 * Return: 0 or -1.
 */
int key_lookup(struct call *call, const char *key_id, enum key_use use, struct cmk *cmk,
	       struct secret **material, struct fault *f);

/**
 * key_lookup_id() - as key_lookup(), for operations that AWS gives no aliases: key id or ARN
 */
int key_lookup_id(struct call *call, const char *key_id, enum key_use use, struct cmk *cmk,
		  struct fault *f);

/**
 * key_new() - make a key in the caller's account and store it
 * @cmk: account, region, id, state and creation date are filled in; description and aws_managed
 *	are taken from it
 *
 * Return: 0 or -1.
 */
int key_new(struct call *call, struct cmk *cmk, struct fault *f);

#endif
