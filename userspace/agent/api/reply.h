/* SPDX-License-Identifier: MIT */
/*
 * The answers to calls of io.dmenvelope.Cluster.
 */
#ifndef ENVELOPE_REPLY_H
#define ENVELOPE_REPLY_H

#include "agent/catalog/cluster.h"
#include "lib/varlink/varlink.h"

#define AGENT_INTERFACE "io.dmenvelope.Cluster"

void reply_cluster(struct varlink_call *call, const struct cluster *cluster);
void reply_fault(struct varlink_call *call, const struct fault *f);

#endif
