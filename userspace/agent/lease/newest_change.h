/* SPDX-License-Identifier: MIT */
/*
 * The newest change of the key store of each KMS that this host has seen, in memory and in the catalog.
 */
#ifndef ENVELOPE_NEWEST_CHANGE_H
#define ENVELOPE_NEWEST_CHANGE_H

#include "agent/agent.h"

struct kms_change;

int64_t newest_change(struct agent *agent, const char *kms);
int newest_change_copy(struct agent *agent, struct kms_change **ret);
int64_t newest_change_in(const struct kms_change *copy, const char *kms);
void newest_change_free(struct kms_change *copy);
void newest_change_note(struct agent *agent, const char *kms, int64_t change);
void newest_change_forget(struct agent *agent);

#endif
