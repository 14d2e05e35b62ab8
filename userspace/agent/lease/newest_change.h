/* SPDX-License-Identifier: MIT */
/*
 * The newest change of the key store of each KMS that this host has seen, in memory and in the catalog.
 */
#ifndef ENVELOPE_NEWEST_CHANGE_H
#define ENVELOPE_NEWEST_CHANGE_H

#include "agent/agent.h"

int64_t newest_change(struct agent *agent, const char *kms);
void newest_change_note(struct agent *agent, const char *kms, int64_t change);
void newest_change_forget(struct agent *agent);

#endif
