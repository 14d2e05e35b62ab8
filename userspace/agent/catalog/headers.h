/* SPDX-License-Identifier: MIT */
/*
 * The table of the catalog with a copy of each volume's header. A row goes with its cluster, and when
 * the cluster gets another header: a row that is there is of the header that the cluster's row names.
 * Its copies are small, and none is read but for a restore.
 */
#ifndef ENVELOPE_HEADERS_H
#define ENVELOPE_HEADERS_H

#include "agent/catalog/catalog.h"
#include "lib/header/header_backup.h"

int headers_has(struct catalog *catalog, const char *volume_id, struct fault *f);
int headers_find(struct catalog *catalog, const char *volume_id, struct packed_header *ret,
		 struct fault *f);
int headers_record(struct catalog *catalog, const char *volume_id,
		   const struct packed_header *packed, struct fault *f);

#endif
