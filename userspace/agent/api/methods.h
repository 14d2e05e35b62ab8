/* SPDX-License-Identifier: MIT */
/* The methods of io.dmenvelope.Cluster, and the answers that come later. */
#ifndef ENVELOPE_METHODS_H
#define ENVELOPE_METHODS_H

#include "agent/agent.h"

#define METHODS_INTERFACE "io.dmenvelope.Cluster"

extern const struct varlink_service methods_service;

void methods_reply_cluster(struct varlink_call *call, const struct cluster *cluster);
void methods_reply_fault(struct varlink_call *call, const struct fault *f);

#endif
