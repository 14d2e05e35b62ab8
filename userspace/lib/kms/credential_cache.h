/* SPDX-License-Identifier: MIT */
/*
 * Temporary credentials, kept by the agent until they must be got anew.
 *
 * Must never be a verdict: credentials that cannot be got, or have expired, are silence.
 */
#ifndef ENVELOPE_CREDENTIAL_CACHE_H
#define ENVELOPE_CREDENTIAL_CACHE_H

#include <json-c/json.h>

#include "lib/kms/credential_plan.h"
#include "lib/kms/worker_protocol.h"

void credential_times(int64_t lifetime_s, unsigned int random, int64_t *advised_s, int64_t *due_s);

int credential_cache_fill(const struct credential_plan *plan, struct worker_block *block,
			  struct json_object **steps, char **identity, struct fault *f);

void credential_cache_take(const char *identity, const struct worker_block *block,
			   const char *code);

void credential_cache_wipe(void);

#endif
