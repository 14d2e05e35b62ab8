/* SPDX-License-Identifier: MIT */
/* The steps from the first schema of the catalog to the present one. catalog_file.c takes them. */
#ifndef ENVELOPE_SCHEMA_STEPS_H
#define ENVELOPE_SCHEMA_STEPS_H

#include <sqlite3.h>

#include "agent/catalog/plain_schema.h"
#include "agent/catalog/pool_schema.h"
#include "agent/catalog/snapshot_schema.h"

#define SCHEMA_VERSION 4

/*
 * Takes a catalog from schema to schema, each step as a whole. Without room a later agent takes the
 * rest: until then there are no pools, no snapshots, or no plain clusters.
 */
static inline int schema_take_steps(sqlite3 *db, int version)
{
	static const char *const steps[] = { pool_schema, snapshot_schema, plain_schema };

	for (int i = version > 1 ? version - 1 : 0; i < SCHEMA_VERSION - 1; i++)
		if (sqlite3_exec(db, steps[i], NULL, NULL, NULL) != SQLITE_OK)
			return -1;
	return 0;
}

#endif
