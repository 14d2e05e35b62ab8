/* SPDX-License-Identifier: MIT */
/*
 * How many keys the KMS refuses at once.
 */
#ifndef ENVELOPE_DENIAL_COUNT_H
#define ENVELOPE_DENIAL_COUNT_H

#include "agent/agent.h"

uint64_t denial_count_window(const struct config *config);
void denial_count_note(struct cluster *cluster);
bool denial_count_many(const struct agent *agent);
bool denial_count_is_recent(const struct cluster *cluster);

#endif
