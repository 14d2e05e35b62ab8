/* SPDX-License-Identifier: MIT */
/*
 * Clusters and volumes as the varlink interface shows them.
 */
#ifndef ENVELOPE_CLUSTER_JSON_H
#define ENVELOPE_CLUSTER_JSON_H

#include "agent/catalog/cluster.h"

json_object *cluster_to_json(const struct cluster *cluster);
json_object *cluster_volume_to_json(const struct cluster *cluster, unsigned int lease_seconds);

#endif
