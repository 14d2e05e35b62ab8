/* SPDX-License-Identifier: MIT */
/*
 * The list of all clusters. It owns each cluster from cluster_add() to cluster_remove().
 */
#ifndef ENVELOPE_CLUSTER_LIST_H
#define ENVELOPE_CLUSTER_LIST_H

#include "agent/agent.h"

struct cluster *cluster_find(struct agent *agent, const char *id);
struct cluster *cluster_find_volume(struct agent *agent, const char *volume_id);
void cluster_add(struct agent *agent, struct cluster *cluster);
void cluster_changed(struct cluster *cluster);
void cluster_remove(struct cluster *cluster);

#endif
