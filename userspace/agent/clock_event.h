/* SPDX-License-Identifier: MIT */
/* Jumps of the wall clock: what the journal and the audit trail say of them. */
#ifndef ENVELOPE_AGENT_CLOCK_EVENT_H
#define ENVELOPE_AGENT_CLOCK_EVENT_H

#include "agent/agent.h"

void clock_event_watch(struct agent *agent);

#endif
