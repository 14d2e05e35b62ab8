/* SPDX-License-Identifier: MIT */
/*
 * Watches the devices by device-mapper's own events. After each event it looks at all devices and
 * calls agent_hooks.
 */
#ifndef ENVELOPE_DEVICE_EVENTS_H
#define ENVELOPE_DEVICE_EVENTS_H

#include "agent/agent.h"

int device_events_start(struct agent *agent, struct fault *f);
void device_events_stop(struct agent *agent);
void device_events_refresh(struct agent *agent);
void device_events_changed(struct agent *agent);

#endif
