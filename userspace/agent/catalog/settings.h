/* SPDX-License-Identifier: MIT */
/* What the user has set for a cluster beside its volume: allow_discards. In a table of its own. */
#ifndef ENVELOPE_SETTINGS_H
#define ENVELOPE_SETTINGS_H

#include "agent/catalog/catalog.h"

int settings_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);
int settings_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f);

#endif
