/* SPDX-License-Identifier: MIT */
/*
 * The kernel key that the agent holds for a cluster, and the end of it.
 */
#ifndef ENVELOPE_HELD_KEY_H
#define ENVELOPE_HELD_KEY_H

#include "agent/agent.h"

void held_key_stop_renewal(struct cluster *cluster);
void held_key_drop(struct cluster *cluster);

#endif
