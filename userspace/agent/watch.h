/* SPDX-License-Identifier: MIT */
/*
 * Watches the devices by device-mapper's own events, and tells clients of Status
 * that something changed.
 */
#ifndef ENVELOPE_WATCH_H
#define ENVELOPE_WATCH_H

#include "agent.h"

int watch_start(struct agent *agent, struct fault *f);
void watch_stop(struct agent *agent);
void watch_refresh(struct agent *agent);
void watch_found(struct cluster *cluster, const struct mapping *mappings, size_t count);
void watch_changed(struct agent *agent);

#endif
