/* SPDX-License-Identifier: MIT */
/*
 * Starts clusters again whose lease ended because nobody answered.
 */
#ifndef ENVELOPE_RESTART_H
#define ENVELOPE_RESTART_H

#include "agent/agent.h"

void restart_load(struct cluster *cluster);
void restart_at_boot(struct cluster *cluster, bool at_boot);
void restart_check(struct cluster *cluster);

#endif
