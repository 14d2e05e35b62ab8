/* SPDX-License-Identifier: MIT */
/* The stamp of this host in the header of a cluster's volume, as the agent and its catalog know it. */
#ifndef ENVELOPE_STAMP_H
#define ENVELOPE_STAMP_H

#include "agent/catalog/cluster.h"

void stamp_load(struct cluster *cluster);
void stamp_written(struct cluster *cluster, const struct volume_owner *stamp);
void stamp_record(struct cluster *cluster, const struct volume_owner *stamp);
void stamp_choose(struct cluster *cluster, const struct volume_owner *owner);

#endif
