/* SPDX-License-Identifier: MIT */
/* The second schema of the catalog: pools, and the volumes in them. catalog_file.c takes the step. */
#ifndef ENVELOPE_POOL_SCHEMA_H
#define ENVELOPE_POOL_SCHEMA_H

/*
 * An agent that does not know them would forget a deleted cluster, and leave its
 * volume in the pool.
 */
static const char pool_schema[] = "BEGIN;"
				  "CREATE TABLE pool ("
				  "  name TEXT PRIMARY KEY NOT NULL,"
				  "  id TEXT UNIQUE NOT NULL,"
				  "  volume_group TEXT NOT NULL,"
				  "  uuid TEXT NOT NULL,"
				  "  status TEXT NOT NULL,"
				  "  created INTEGER NOT NULL"
				  ") STRICT;"
				  "CREATE TABLE pool_volume ("
				  "  volume_id TEXT PRIMARY KEY NOT NULL,"
				  "  pool TEXT NOT NULL,"
				  "  uuid TEXT NOT NULL,"
				  "  bytes INTEGER NOT NULL"
				  ") STRICT;"
				  "PRAGMA user_version = 2;"
				  "COMMIT;";

#endif
