/* SPDX-License-Identifier: MIT */
/*
 * The table of the catalog with the identity of each volume's disk. Older agents do not know the
 * table, and leave it as it is.
 */
#ifndef ENVELOPE_PLACES_H
#define ENVELOPE_PLACES_H

#include "agent/catalog/catalog.h"

int places_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);
int places_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f);

#endif
