/* SPDX-License-Identifier: MIT */
/*
 * StopDBCluster and DeleteDBCluster: remove the device, drop the key, forget the cluster.
 */
#ifndef ENVELOPE_DETACH_H
#define ENVELOPE_DETACH_H

#include "agent/work/operation.h"

void detach_begin(struct operation *op);
void detach_late(struct operation *op);
void detach_resume(struct operation *op, const struct job *job);

#endif
