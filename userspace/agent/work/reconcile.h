/* SPDX-License-Identifier: MIT */
/* At start: brings catalog, kernel and the headers on the disks together. */
#ifndef ENVELOPE_RECONCILE_H
#define ENVELOPE_RECONCILE_H

#include "agent/agent.h"

int reconcile_load(struct agent *agent, struct fault *f);
void reconcile_load_cluster(struct cluster *cluster, void *userdata);
void reconcile_load_choices(struct cluster *cluster);
void reconcile_scan(struct agent *agent);
void reconcile_disks(struct agent *agent);

#endif
