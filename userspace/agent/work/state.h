/* SPDX-License-Identifier: MIT */
/*
 * The status of a cluster, which only state.c changes. A change goes into the catalog, then into
 * the audit trail, then to the clients that watch.
 */
#ifndef ENVELOPE_STATE_H
#define ENVELOPE_STATE_H

#include "agent/agent.h"

void state_announce(const struct agent *agent);
void state_begin(struct cluster *cluster, enum cluster_status status);
bool state_save_all(struct agent *agent, bool all);
int state_set(struct cluster *cluster, enum cluster_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void state_set_soon(struct cluster *cluster, enum cluster_status status,
		    void (*saved)(struct cluster *cluster), const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void state_flush(struct agent *agent);
void state_save_soon(struct cluster *cluster);
void state_resumed(struct cluster *cluster, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
