/* SPDX-License-Identifier: MIT */
/* Where a cluster's volume is: the user's path, the path where it was found, and its disk. */
#ifndef ENVELOPE_PLACE_H
#define ENVELOPE_PLACE_H

#include "agent/catalog/cluster.h"

bool place_found(struct cluster *cluster, const char *device, const char *disk);
void place_load(struct cluster *cluster);

#endif
