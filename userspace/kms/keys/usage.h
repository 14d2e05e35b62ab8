/* SPDX-License-Identifier: MIT */
/*
 * The last use of a key, for GetKeyLastUsage.
 *
 * The record of the key has it, so it is sealed, part of the set, and survives a crash. Uses within an
 * hour of the one that is kept are not: a use seldom costs a change. AWS too needs up to an hour.
 *
 * Must never fail a call: who uses a key need not wait for a note about it.
 */
#ifndef ENVELOPE_KMS_USAGE_H
#define ENVELOPE_KMS_USAGE_H

#include "kms/call.h"
#include "kms/keys/cmk.h"

void usage_note(struct call *call, const struct cmk *cmk);

void usage_keep(struct call *call);

struct json_object *usage_reply(const struct cmk *cmk);

#endif
