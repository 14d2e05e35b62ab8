/* SPDX-License-Identifier: MIT */
/* Which clusters may not be deleted: a table of the catalog beside that of the clusters. */
#ifndef ENVELOPE_PROTECTIONS_H
#define ENVELOPE_PROTECTIONS_H

#include "agent/catalog/catalog.h"
#include "agent/catalog/cluster.h"

int protections_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);
int protections_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f);

#endif
