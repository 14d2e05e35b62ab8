/* SPDX-License-Identifier: MIT */
/* The schema of the catalog with snapshots. catalog_file.c takes the step. */
#ifndef ENVELOPE_SNAPSHOT_SCHEMA_H
#define ENVELOPE_SNAPSHOT_SCHEMA_H

/* An agent that does not know them would remove a pool, or a half-made snapshot would stay for good. */
static const char snapshot_schema[] = "BEGIN;"
				      "CREATE TABLE snapshot ("
				      "  id TEXT PRIMARY KEY NOT NULL,"
				      "  name TEXT UNIQUE NOT NULL COLLATE NOCASE,"
				      "  type TEXT NOT NULL,"
				      "  status TEXT NOT NULL,"
				      "  cluster_id TEXT NOT NULL,"
				      "  resource_id TEXT NOT NULL,"
				      "  volume_id TEXT NOT NULL,"
				      "  key_arn TEXT NOT NULL,"
				      "  region TEXT NOT NULL,"
				      "  account TEXT NOT NULL,"
				      "  header_sha256 TEXT NOT NULL,"
				      "  wrapped_key TEXT NOT NULL," /* base64 */
				      "  profile TEXT NOT NULL,"
				      "  endpoint TEXT NOT NULL,"
				      "  pool TEXT NOT NULL,"
				      "  uuid TEXT NOT NULL,"
				      "  bytes INTEGER NOT NULL,"
				      "  held_ms INTEGER NOT NULL,"
				      "  created INTEGER NOT NULL,"
				      "  cluster_created INTEGER NOT NULL"
				      ") STRICT;"
				      "PRAGMA user_version = 3;"
				      "COMMIT;";

#endif
