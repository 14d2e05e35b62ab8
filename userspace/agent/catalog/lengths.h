/* SPDX-License-Identifier: MIT */
/* How long each volume has been. In a table of its own. */
#ifndef ENVELOPE_LENGTHS_H
#define ENVELOPE_LENGTHS_H

#include "agent/catalog/catalog.h"

int lengths_find(struct catalog *catalog, const char *volume_id, uint64_t *sectors,
		 struct fault *f);
int lengths_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f);

#endif
