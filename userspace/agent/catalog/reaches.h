/* SPDX-License-Identifier: MIT */
/* How a cluster reaches its KMS, if not as the configuration says. In a table of its own. */
#ifndef ENVELOPE_REACHES_H
#define ENVELOPE_REACHES_H

#include "agent/catalog/catalog.h"

int reaches_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);
int reaches_record(struct catalog *catalog, const char *volume_id, const struct reach *reach,
		   struct fault *f);

#endif
