/* SPDX-License-Identifier: MIT */
/*
 * The table of the catalog with what the last start found on each volume. Older agents do not know the
 * table, and leave it as it is.
 */
#ifndef ENVELOPE_WARNINGS_H
#define ENVELOPE_WARNINGS_H

#include "agent/catalog/catalog.h"

int warnings_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f);
int warnings_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);

#endif
