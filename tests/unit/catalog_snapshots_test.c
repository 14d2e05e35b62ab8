// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/catalog_fixture.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/pools.c agent/catalog/snapshots.c agent/rules/snapshot_rules.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * Snapshots in the catalog, and the step of a catalog with pools to the schema that has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_fixture.h"
#include "agent/agent.h"
#include "agent/catalog/pools.h"
#include "agent/catalog/snapshots.h"

static void run(struct catalog_fixture *x, const char *sql)
{
	sqlite3 *db;

	catalog_close(x->catalog);
	x->catalog = NULL;
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int version(struct catalog_fixture *x)
{
	sqlite3_stmt *s = NULL;
	int r;

	assert_int_equal(sqlite3_prepare_v2(catalog_db(x->catalog), "PRAGMA user_version", -1, &s,
					    NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	r = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return r;
}

static struct snapshot *make(const char *cluster, const char *name)
{
	struct cluster *c = catalog_fixture_make(cluster);
	struct snapshot *s;

	strcpy(c->in_pool.pool, "fast");
	strcpy(c->reach.profile, "other");
	c->in_pool.bytes = POOL_GIB;
	s = snapshot_new(c, name);
	assert_non_null(s);
	assert_string_equal(s->volume_id, c->volume_id);
	assert_string_equal(s->key_arn, c->key_arn);
	assert_string_equal(s->header_sha256, c->header_sha256);
	assert_int_equal(s->status, SNAPSHOT_CREATING);
	cluster_free(c);
	return s;
}

static void a_catalog_with_pools_takes_the_step_as_a_whole(void **state)
{
	struct catalog_fixture *x = *state;
	struct agent agent = { 0 };
	struct pool pool = { .name = "fast", .id = "pool-1", .group = "vg0" };
	struct fault f;

	assert_int_equal(pools_record(x->catalog, &pool, &f), 0);
	/* The table is in the way: nothing of the step is taken. */
	run(x, "PRAGMA user_version = 2;");
	assert_int_equal(catalog_open(x->path, &x->catalog, &f), 0);
	assert_int_equal(version(x), 2);
	run(x, "DROP TABLE snapshot;");
	assert_int_equal(catalog_open(x->path, &x->catalog, &f), 0);
	assert_int_equal(version(x), 4);
	agent.catalog = x->catalog;
	assert_int_equal(pools_load(&agent, &f), 0);
	assert_string_equal(agent.pools->name, "fast");
	assert_int_equal(snapshots_load(&agent, &f), 0);
	assert_null(agent.snapshots);
	pools_free(&agent);
}

static void a_snapshot_is_loaded_as_it_was_recorded(void **state)
{
	struct catalog_fixture *x = *state;
	struct agent agent = { .catalog = x->catalog };
	struct snapshot *a = make("db1", "First"), *b = make("db2", "second");
	const struct snapshot *seen;
	struct fault f;

	assert_string_not_equal(a->id, b->id);
	assert_string_equal(a->name, "first");
	a->created = 1;
	b->created = 2;
	assert_int_equal(snapshots_record(x->catalog, b, &f), 0);
	assert_int_equal(snapshots_record(x->catalog, a, &f), 0);
	a->status = SNAPSHOT_AVAILABLE;
	strcpy(a->in_pool.uuid, "uuid-of-a");
	a->held_ms = 150;
	assert_int_equal(snapshots_record(x->catalog, a, &f), 0);
	catalog_fixture_reopen(x);
	agent.catalog = x->catalog;
	assert_int_equal(snapshots_load(&agent, &f), 0);
	assert_int_equal(snapshots_count(&agent, NULL), 2);
	assert_int_equal(snapshots_count(&agent, "fast"), 2);
	assert_int_equal(snapshots_count(&agent, "slow"), 0);
	seen = snapshot_find(&agent, "FIRST");
	assert_ptr_equal(seen, snapshot_find_id(&agent, a->id));
	assert_int_equal(seen->status, SNAPSHOT_AVAILABLE);
	assert_string_equal(seen->wrapped_key, a->wrapped_key);
	assert_string_equal(seen->header_sha256, a->header_sha256);
	assert_string_equal(seen->cluster_id, "db1");
	assert_string_equal(seen->in_pool.uuid, "uuid-of-a");
	assert_string_equal(seen->in_pool.pool, "fast");
	assert_string_equal(seen->reach.profile, "other");
	assert_int_equal(seen->in_pool.bytes, POOL_GIB);
	assert_int_equal(seen->held_ms, 150);
	assert_int_equal(seen->cluster_created, a->cluster_created);
	assert_int_equal(snapshot_find(&agent, "second")->status, SNAPSHOT_CREATING);
	assert_int_equal(snapshots_forget(x->catalog, a->id, &f), 0);
	snapshots_free(&agent);
	assert_int_equal(snapshots_load(&agent, &f), 0);
	assert_null(snapshot_find(&agent, "first"));
	assert_int_equal(snapshots_count(&agent, NULL), 1);
	snapshots_free(&agent);
	snapshot_free(a);
	snapshot_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(a_catalog_with_pools_takes_the_step_as_a_whole),
		WITH_CATALOG(a_snapshot_is_loaded_as_it_was_recorded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
