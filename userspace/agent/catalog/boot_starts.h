/* SPDX-License-Identifier: MIT */
/*
 * The table of the catalog with the way in which each cluster was started last: by the boot unit, with
 * a read-only device. Older agents do not know the table, and leave it as it is.
 */
#ifndef ENVELOPE_BOOT_STARTS_H
#define ENVELOPE_BOOT_STARTS_H

#include "agent/catalog/catalog.h"

int boot_starts_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f);
int boot_starts_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);

#endif
