/* SPDX-License-Identifier: MIT */
/*
 * Watches for disks that come and go while the agent runs, by udev's events. After a moment with events
 * it calls agent_hooks once.
 */
#ifndef ENVELOPE_DISK_EVENTS_H
#define ENVELOPE_DISK_EVENTS_H

#include "agent/agent.h"

void disk_events_start(struct agent *agent);
void disk_events_stop(struct agent *agent);

#endif
