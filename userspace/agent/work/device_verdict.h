/* SPDX-License-Identifier: MIT */
/*
 * Sets a cluster's state from the list of devices that the kernel reports.
 */
#ifndef ENVELOPE_DEVICE_VERDICT_H
#define ENVELOPE_DEVICE_VERDICT_H

#include "agent/agent.h"

void device_verdict_seen(struct cluster *cluster, const struct mapping *mappings, size_t count);
void device_verdict_found(struct cluster *cluster, const struct mapping *mappings, size_t count);

#endif
