/* SPDX-License-Identifier: MIT */
/*
 * The only place where a cluster's status changes: catalog, audit trail, header and
 * watching clients learn of it here, in that order.
 */
#ifndef ENVELOPE_STATE_H
#define ENVELOPE_STATE_H

#include "agent/agent.h"

void state_announce(const struct agent *agent);
int state_set(struct cluster *cluster, enum cluster_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void state_resumed(struct cluster *cluster, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
