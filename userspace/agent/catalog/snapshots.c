// SPDX-License-Identifier: MIT
/* The table of snapshots. Each change is on the disk when its function returns. */
#include "agent/catalog/snapshots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/catalog/pools.h"
#include "agent/catalog/statement.h"
#include "lib/base/base64.h"
#include "lib/base/log.h"

#define OBJECT	"a snapshot in the catalog"
#define MANUAL	"manual"
#define COLUMNS 20

static int make_id(char id[23])
{
	unsigned char random[17];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -1;
	strcpy(id, "snap-");
	for (size_t i = 0; i < sizeof(random); i++)
		id[5 + i] = "0123456789abcdef"[random[i] % 16];
	id[5 + sizeof(random)] = 0;
	return 0;
}

/**
 * snapshot_new() - a snapshot of the cluster that is about to be made
 * @name: valid
 *
 * Return: for snapshot_add() or snapshot_free(); NULL without memory.
 */
struct snapshot *snapshot_new(const struct cluster *cluster, const char *name)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s)
		s->wrapped_key = base64_encode(cluster->wrapped_key, cluster->wrapped_key_size);
	if (!s || !s->wrapped_key || make_id(s->id) < 0) {
		snapshot_free(s);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(s->name) - 1 && name[i]; i++)
		s->name[i] = (char)(name[i] | 0x20);
	memcpy(s->cluster_id, cluster->id, sizeof(s->cluster_id));
	memcpy(s->resource_id, cluster->resource_id, sizeof(s->resource_id));
	memcpy(s->volume_id, cluster->volume_id, sizeof(s->volume_id));
	memcpy(s->key_arn, cluster->key_arn, sizeof(s->key_arn));
	memcpy(s->region, cluster->region, sizeof(s->region));
	memcpy(s->account, cluster->account, sizeof(s->account));
	memcpy(s->header_sha256, cluster->header_sha256, sizeof(s->header_sha256));
	s->reach = cluster->reach;
	memcpy(s->in_pool.pool, cluster->in_pool.pool, sizeof(s->in_pool.pool));
	s->in_pool.bytes = cluster->in_pool.bytes;
	s->created = time(NULL);
	s->cluster_created = cluster->created;
	return s;
}

/** snapshot_find() - by identifier in any case; borrowed, or NULL */
struct snapshot *snapshot_find(const struct agent *agent, const char *name)
{
	struct snapshot *s = agent->snapshots;

	while (s && strcasecmp(s->name, name))
		s = s->next;
	return s;
}

/** snapshot_find_id() - by its random id; borrowed, or NULL */
struct snapshot *snapshot_find_id(const struct agent *agent, const char *id)
{
	struct snapshot *s = agent->snapshots;

	while (s && strcmp(s->id, id))
		s = s->next;
	return s;
}

/** snapshot_add() - put it at the list's end; the list owns it from now on */
void snapshot_add(struct agent *agent, struct snapshot *snapshot)
{
	struct snapshot **end = &agent->snapshots;

	while (*end)
		end = &(*end)->next;
	*end = snapshot;
}

/** snapshot_free() - of one that is in no list; NULL is fine */
void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->wrapped_key);
	free(snapshot);
}

/** snapshot_remove() - take it out of the list and free it */
void snapshot_remove(struct agent *agent, struct snapshot *snapshot)
{
	struct snapshot **link = &agent->snapshots;

	while (*link != snapshot)
		link = &(*link)->next;
	*link = snapshot->next;
	snapshot_free(snapshot);
}

/** snapshots_free() - of an agent that ends */
void snapshots_free(struct agent *agent)
{
	while (agent->snapshots)
		snapshot_remove(agent, agent->snapshots);
}

/** snapshots_count() - how many there are; @pool: in this pool alone; NULL for all */
unsigned int snapshots_count(const struct agent *agent, const char *pool)
{
	unsigned int count = 0;

	for (const struct snapshot *s = agent->snapshots; s; s = s->next)
		count += !pool || !strcmp(s->in_pool.pool, pool);
	return count;
}

/** snapshot_copy() - for a device thread, which never sees the list */
void snapshot_copy(const struct agent *agent, const struct snapshot *snapshot,
		   struct thin_snapshot *ret)
{
	const struct pool *pool = pool_find(agent, snapshot->in_pool.pool);

	*ret = (struct thin_snapshot){ .bytes = snapshot->in_pool.bytes };
	if (pool)
		pool_copy(pool, &ret->pool);
	else
		memcpy(ret->pool.name, snapshot->in_pool.pool, sizeof(ret->pool.name));
	memcpy(ret->id, snapshot->id, sizeof(ret->id));
	memcpy(ret->name, snapshot->name, sizeof(ret->name));
	memcpy(ret->volume_id, snapshot->volume_id, sizeof(ret->volume_id));
	memcpy(ret->uuid, snapshot->in_pool.uuid, sizeof(ret->uuid));
}

static void column(sqlite3_stmt *s, int i, char *text, size_t size)
{
	snprintf(text, size, "%s", (const char *)sqlite3_column_text(s, i));
}

static struct snapshot *from_row(sqlite3_stmt *row)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s)
		s->wrapped_key = strdup((const char *)sqlite3_column_text(row, 11));
	if (!s || !s->wrapped_key) {
		snapshot_free(s);
		return NULL;
	}
	column(row, 0, s->id, sizeof(s->id));
	column(row, 1, s->name, sizeof(s->name));
	column(row, 4, s->cluster_id, sizeof(s->cluster_id));
	column(row, 5, s->resource_id, sizeof(s->resource_id));
	column(row, 6, s->volume_id, sizeof(s->volume_id));
	column(row, 7, s->key_arn, sizeof(s->key_arn));
	column(row, 8, s->region, sizeof(s->region));
	column(row, 9, s->account, sizeof(s->account));
	column(row, 10, s->header_sha256, sizeof(s->header_sha256));
	column(row, 12, s->reach.profile, sizeof(s->reach.profile));
	column(row, 13, s->reach.endpoint, sizeof(s->reach.endpoint));
	column(row, 14, s->in_pool.pool, sizeof(s->in_pool.pool));
	column(row, 15, s->in_pool.uuid, sizeof(s->in_pool.uuid));
	s->in_pool.bytes = (uint64_t)sqlite3_column_int64(row, 16);
	s->held_ms = (unsigned int)sqlite3_column_int64(row, 17);
	s->created = sqlite3_column_int64(row, 18);
	s->cluster_created = sqlite3_column_int64(row, 19);
	if (snapshot_status_parse((const char *)sqlite3_column_text(row, 3), &s->status))
		return s;
	log_error("The catalog's entry of the snapshot %s is not understood.", s->name);
	snapshot_free(s);
	return NULL;
}

/** snapshots_load() - fill the agent's list of snapshots; 0 or -1 */
int snapshots_load(struct agent *agent, struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(agent->catalog),
				"SELECT * FROM snapshot ORDER BY created, name", NULL, 0,
				&statement);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		struct snapshot *s;

		r = sqlite3_step(statement);
		s = r == SQLITE_ROW ? from_row(statement) : NULL;
		if (s)
			snapshot_add(agent, s);
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : catalog_failed(agent->catalog, "read", OBJECT, f);
}

/** snapshots_record() - write a snapshot, new or changed; 0 or -1 */
int snapshots_record(struct catalog *catalog, const struct snapshot *s, struct fault *f)
{
	char bytes[24], held[24], created[24], cluster_created[24]; /* numbers of 64 bits */
	const char *const text[COLUMNS] = { s->id,
					    s->name,
					    MANUAL,
					    snapshot_status_name(s->status),
					    s->cluster_id,
					    s->resource_id,
					    s->volume_id,
					    s->key_arn,
					    s->region,
					    s->account,
					    s->header_sha256,
					    s->wrapped_key,
					    s->reach.profile,
					    s->reach.endpoint,
					    s->in_pool.pool,
					    s->in_pool.uuid,
					    bytes,
					    held,
					    created,
					    cluster_created };
	int r;

	snprintf(bytes, sizeof(bytes), "%" PRIu64, s->in_pool.bytes);
	snprintf(held, sizeof(held), "%u", s->held_ms);
	snprintf(created, sizeof(created), "%" PRId64, s->created);
	snprintf(cluster_created, sizeof(cluster_created), "%" PRId64, s->cluster_created);
	r = statement_run(catalog_db(catalog),
			  "INSERT OR REPLACE INTO snapshot VALUES"
			  " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			  text, COLUMNS);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "record", OBJECT, f);
}

/** snapshots_forget() - 0, also when it was not there, or -1 */
int snapshots_forget(struct catalog *catalog, const char *id, struct fault *f)
{
	int r = statement_run(catalog_db(catalog), "DELETE FROM snapshot WHERE id = ?", &id, 1);

	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "forget", OBJECT, f);
}
