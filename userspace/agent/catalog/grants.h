/* SPDX-License-Identifier: MIT */
/*
 * The table of grants in the catalog: which KMS gave a volume's key last, and to which access key.
 */
#ifndef ENVELOPE_GRANTS_H
#define ENVELOPE_GRANTS_H

#include "agent/catalog/catalog.h"

int grants_record(struct catalog *catalog, const char *volume_id, const struct grant *grant,
		  struct fault *f);
int grants_find(struct catalog *catalog, const char *volume_id, struct grant *ret, struct fault *f);

#endif
