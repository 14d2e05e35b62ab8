/* SPDX-License-Identifier: MIT */
/*
 * What a look at the devices means for a cluster.
 */
#ifndef ENVELOPE_DEVICE_VERDICT_H
#define ENVELOPE_DEVICE_VERDICT_H

#include "agent/agent.h"

void device_verdict_seen(struct cluster *cluster, const struct mapping *mappings, size_t count);
void device_verdict_found(struct cluster *cluster, const struct mapping *mappings, size_t count);

#endif
