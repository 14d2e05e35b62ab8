// SPDX-License-Identifier: MIT
/*
 * The tables of pools and of the volumes in them. Each change is on the disk when its function
 * returns.
 */
#include "agent/catalog/pools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/agent.h"
#include "agent/catalog/statement.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define OBJECT "a pool in the catalog"

static const char *const status_names[] = {
	[POOL_CREATING] = "creating",
	[POOL_AVAILABLE] = "available",
	[POOL_DELETING] = "deleting",
};

/** pool_status_name() - the word for a status */
const char *pool_status_name(enum pool_status status)
{
	return status_names[status];
}

/** pool_make_id() - a random id; 0 or -errno */
int pool_make_id(char id[22])
{
	unsigned char random[16];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	strcpy(id, "pool-");
	for (size_t i = 0; i < sizeof(random); i++)
		id[5 + i] = "0123456789abcdef"[random[i] % 16];
	id[5 + sizeof(random)] = 0;
	return 0;
}

/** pool_find() - by name; borrowed, or NULL */
struct pool *pool_find(const struct agent *agent, const char *name)
{
	struct pool *p = agent->pools;

	while (p && strcmp(p->name, name))
		p = p->next;
	return p;
}

/** pool_add() - put it at the list's end; the list owns it from now on */
void pool_add(struct agent *agent, struct pool *pool)
{
	struct pool **end = &agent->pools;

	while (*end)
		end = &(*end)->next;
	*end = pool;
}

/** pool_remove() - take it out of the list and free it */
void pool_remove(struct agent *agent, struct pool *pool)
{
	struct pool **link = &agent->pools;

	while (*link != pool)
		link = &(*link)->next;
	*link = pool->next;
	free(pool);
}

/** pools_free() - of an agent that ends */
void pools_free(struct agent *agent)
{
	while (agent->pools)
		pool_remove(agent, agent->pools);
}

/** pool_device() - path that a volume of the pool will have; for free(); NULL without memory */
char *pool_device(const struct pool *pool, const char *volume_id)
{
	char name[32]; /* filled by thin_volume_name() */

	thin_volume_name(volume_id, name);
	return text_format("/dev/%s/%s", pool->group, name);
}

/** pool_copy() - for a device thread, which never sees the list */
void pool_copy(const struct pool *pool, struct thin_pool *ret)
{
	memcpy(ret->name, pool->name, sizeof(ret->name));
	memcpy(ret->id, pool->id, sizeof(ret->id));
	memcpy(ret->group, pool->group, sizeof(ret->group));
	memcpy(ret->uuid, pool->uuid, sizeof(ret->uuid));
}

static void column(sqlite3_stmt *s, int i, char *text, size_t size)
{
	snprintf(text, size, "%s", (const char *)sqlite3_column_text(s, i));
}

static struct pool *from_row(sqlite3_stmt *s)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	const char *status = (const char *)sqlite3_column_text(s, 4);

	if (!pool)
		return NULL;
	column(s, 0, pool->name, sizeof(pool->name));
	column(s, 1, pool->id, sizeof(pool->id));
	column(s, 2, pool->group, sizeof(pool->group));
	column(s, 3, pool->uuid, sizeof(pool->uuid));
	pool->created = sqlite3_column_int64(s, 5);
	for (size_t i = 0; i < sizeof(status_names) / sizeof(*status_names); i++) {
		if (!strcmp(status_names[i], status)) {
			pool->status = (enum pool_status)i;
			return pool;
		}
	}
	log_error("The catalog's entry of pool %s is not understood.", pool->name);
	free(pool);
	return NULL;
}

/** pools_load() - fill the agent's list of pools; 0 or -1 */
int pools_load(struct agent *agent, struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(agent->catalog),
				"SELECT name, id, volume_group, uuid, status, created FROM pool"
				" ORDER BY created, name",
				NULL, 0, &statement);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		struct pool *pool;

		r = sqlite3_step(statement);
		pool = r == SQLITE_ROW ? from_row(statement) : NULL;
		if (pool)
			pool_add(agent, pool);
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : catalog_failed(agent->catalog, "read", OBJECT, f);
}

/** pools_record() - write a pool, new or changed; 0 or -1 */
int pools_record(struct catalog *catalog, const struct pool *pool, struct fault *f)
{
	char created[24]; /* a number of 64 bits */
	const char *const text[] = {
		pool->name, pool->id, pool->group, pool->uuid, pool_status_name(pool->status),
		created
	};
	int r;

	snprintf(created, sizeof(created), "%" PRId64, pool->created);
	r = statement_run(catalog_db(catalog), "INSERT OR REPLACE INTO pool VALUES (?,?,?,?,?,?)",
			  text, 6);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "record", OBJECT, f);
}

/** pools_forget() - 0, also when it was not there, or -1 */
int pools_forget(struct catalog *catalog, const char *name, struct fault *f)
{
	int r = statement_run(catalog_db(catalog), "DELETE FROM pool WHERE name = ?", &name, 1);

	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "forget", OBJECT, f);
}

static void volume_from_row(sqlite3_stmt *s, int first, struct pool_volume *ret)
{
	column(s, first, ret->pool, sizeof(ret->pool));
	column(s, first + 1, ret->uuid, sizeof(ret->uuid));
	ret->bytes = (uint64_t)sqlite3_column_int64(s, first + 2);
}

/** pool_volumes_find() - @ret->pool is "" if the cluster is in no pool; 0 or -1 */
int pool_volumes_find(struct catalog *catalog, const char *volume_id, struct pool_volume *ret,
		      struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT pool, uuid, bytes FROM pool_volume WHERE volume_id = ?",
				&volume_id, 1, &statement);

	*ret = (struct pool_volume){ 0 };
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		volume_from_row(statement, 0, ret);
	sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", OBJECT, f);
}

/** pool_volumes_record() - write a volume of a pool, new or changed; 0 or -1 */
int pool_volumes_record(struct catalog *catalog, const char *volume_id,
			const struct pool_volume *volume, struct fault *f)
{
	char bytes[24]; /* a number of 64 bits */
	const char *const text[] = { volume_id, volume->pool, volume->uuid, bytes };
	int r;

	snprintf(bytes, sizeof(bytes), "%" PRIu64, volume->bytes);
	r = statement_run(catalog_db(catalog),
			  "INSERT OR REPLACE INTO pool_volume VALUES (?,?,?,?)", text, 4);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "record", OBJECT, f);
}

/** pool_volumes_forget() - 0, also when it was not there, or -1 */
int pool_volumes_forget(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	int r = statement_run(catalog_db(catalog), "DELETE FROM pool_volume WHERE volume_id = ?",
			      &volume_id, 1);

	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "forget", OBJECT, f);
}

/** pool_volumes_left() - call @each for the volumes whose cluster has gone; 0 or -1 */
int pool_volumes_left(struct catalog *catalog, pool_volume_each_t each, void *userdata,
		      struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT volume_id, pool, uuid, bytes FROM pool_volume"
				" WHERE volume_id NOT IN (SELECT volume_id FROM cluster)",
				NULL, 0, &statement);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		struct pool_volume volume;

		r = sqlite3_step(statement);
		if (r != SQLITE_ROW)
			break;
		volume_from_row(statement, 1, &volume);
		each((const char *)sqlite3_column_text(statement, 0), &volume, userdata);
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", OBJECT, f);
}

/** pool_volumes_count() - volumes that the catalog has in a pool, or -1 */
int pool_volumes_count(struct catalog *catalog, const char *pool, struct fault *f)
{
	sqlite3_stmt *statement;
	int count = 0, r = statement_begin(catalog_db(catalog),
					   "SELECT count(*) FROM pool_volume WHERE pool = ?", &pool,
					   1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		count = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return r == SQLITE_ROW ? count : catalog_failed(catalog, "read", OBJECT, f);
}
