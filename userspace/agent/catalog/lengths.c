// SPDX-License-Identifier: MIT
/* The table of the lengths of volumes. Each change is on the disk when its function returns. */
#include "agent/catalog/lengths.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/catalog/statement.h"

/** lengths_find() - @sectors: of 512 bytes; 0 if the catalog has none; 0 or -1 */
int lengths_find(struct catalog *catalog, const char *volume_id, uint64_t *sectors, struct fault *f)
{
	const char *const text[] = { volume_id };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT sectors FROM length WHERE volume_id = ?", text, 1,
				&statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	*sectors = r == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "read", "a volume's length in the catalog", f);
}

/**
 * lengths_record() - write the length of @cluster's volume; 0 or -1
 *
 * catalog_delete() deletes the row together with the cluster's.
 */
int lengths_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	char sectors[24]; /* a number of 64 bits */
	const char *const text[] = { cluster->volume_id, sectors };
	int r;

	snprintf(sectors, sizeof(sectors), "%" PRIu64, cluster->sectors);
	r = statement_run(catalog_db(catalog), "INSERT OR REPLACE INTO length VALUES (?,?)", text,
			  2);
	return r == SQLITE_DONE
		       ? 0
		       : catalog_failed(catalog, "record", "a volume's length in the catalog", f);
}
