/* SPDX-License-Identifier: MIT */
/* The end of the agent when the whole host goes down. */
#ifndef ENVELOPE_AGENT_HOLD_H
#define ENVELOPE_AGENT_HOLD_H

#include "agent/agent.h"

int hold_watch(struct agent *agent);

#endif
