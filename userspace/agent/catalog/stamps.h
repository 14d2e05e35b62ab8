/* SPDX-License-Identifier: MIT */
/*
 * The table of the catalog with the last stamp that this host wrote to the header of each volume. It
 * tells the volume from an older copy on a disk that has no identity.
 */
#ifndef ENVELOPE_STAMPS_H
#define ENVELOPE_STAMPS_H

#include "agent/catalog/catalog.h"

int stamps_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);
int stamps_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f);

#endif
