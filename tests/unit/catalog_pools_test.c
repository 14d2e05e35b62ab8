// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/catalog_fixture.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/pools.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * Pools in the catalog, and the step of an older catalog to the schema that has them.
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

static void open_again(struct catalog_fixture *x)
{
	struct fault f;

	if (catalog_open(x->path, &x->catalog, &f) < 0)
		fail_msg("%s", f.message);
	assert_null(catalog_trouble(x->catalog));
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

static void an_older_catalog_takes_the_step_and_keeps_its_clusters(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct agent agent = { 0 };
	struct pool pool = { .name = "fast", .id = "pool-1", .group = "vg0" };
	struct fault f;

	catalog_fixture_store(x, c);
	run(x,
	    "DROP TABLE pool; DROP TABLE pool_volume; DROP TABLE snapshot; PRAGMA user_version = 1;");
	open_again(x);
	assert_int_equal(version(x), 4);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 1);
	assert_string_equal(x->loaded[0]->id, "db1");
	agent.catalog = x->catalog;
	assert_int_equal(pools_record(x->catalog, &pool, &f), 0);
	assert_int_equal(pools_load(&agent, &f), 0);
	assert_string_equal(agent.pools->name, "fast");
	pools_free(&agent);
	cluster_free(c);
}

/* The step is one transaction: a catalog never has half of it. */
static void a_step_that_fails_leaves_the_older_catalog_as_it_was(void **state)
{
	struct catalog_fixture *x = *state;
	struct fault f;

	run(x,
	    "DROP TABLE pool; DROP TABLE snapshot; PRAGMA user_version = 1;"); /* pool_volume is in the way */
	assert_int_equal(catalog_open(x->path, &x->catalog, &f), 0);
	assert_int_equal(version(x), 1);
	assert_int_equal(sqlite3_exec(catalog_db(x->catalog), "SELECT * FROM pool", NULL, NULL,
				      NULL),
			 SQLITE_ERROR);
	run(x, "DROP TABLE pool_volume;");
	open_again(x);
	assert_int_equal(version(x), 4);
}

static void a_pool_is_loaded_as_it_was_recorded(void **state)
{
	struct catalog_fixture *x = *state;
	struct agent agent = { .catalog = x->catalog };
	struct pool a = { .name = "fast", .group = "vg0", .created = 1 };
	struct pool b = { .name = "slow", .group = "vg1", .created = 2 };
	struct fault f;

	assert_int_equal(pool_make_id(a.id), 0);
	assert_int_equal(pool_make_id(b.id), 0);
	assert_string_not_equal(a.id, b.id);
	assert_int_equal(pools_record(x->catalog, &b, &f), 0);
	assert_int_equal(pools_record(x->catalog, &a, &f), 0);
	strcpy(a.uuid, "uuid-of-a");
	a.status = POOL_AVAILABLE;
	assert_int_equal(pools_record(x->catalog, &a, &f), 0);
	catalog_fixture_reopen(x);
	agent.catalog = x->catalog;
	assert_int_equal(pools_load(&agent, &f), 0);
	assert_ptr_equal(pool_find(&agent, "fast"), agent.pools);
	assert_string_equal(agent.pools->uuid, "uuid-of-a");
	assert_string_equal(agent.pools->id, a.id);
	assert_string_equal(agent.pools->group, "vg0");
	assert_int_equal(agent.pools->status, POOL_AVAILABLE);
	assert_int_equal(agent.pools->next->status, POOL_CREATING);
	assert_null(pool_find(&agent, "fas"));
	assert_int_equal(pools_forget(x->catalog, "fast", &f), 0);
	pools_free(&agent);
	assert_int_equal(pools_load(&agent, &f), 0);
	assert_string_equal(agent.pools->name, "slow");
	assert_null(agent.pools->next);
	pools_free(&agent);
}

static void note(const char *volume_id, const struct pool_volume *volume, void *userdata)
{
	char *seen = userdata;

	snprintf(seen + strlen(seen), 100 - strlen(seen), "%s %s %s %llu;", volume_id, volume->pool,
		 volume->uuid, (unsigned long long)volume->bytes);
}

static void the_volume_of_a_cluster_that_has_gone_is_still_known(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct pool_volume volume = { .pool = "fast", .uuid = "u1", .bytes = 20 * POOL_GIB }, found;
	char seen[100] = "", expected[100];
	struct fault f;

	catalog_fixture_store(x, c);
	assert_int_equal(pool_volumes_record(x->catalog, c->volume_id, &volume, &f), 0);
	assert_int_equal(pool_volumes_find(x->catalog, c->volume_id, &found, &f), 0);
	assert_memory_equal(&found, &volume, sizeof(found));
	assert_int_equal(pool_volumes_count(x->catalog, "fast", &f), 1);
	assert_int_equal(pool_volumes_count(x->catalog, "slow", &f), 0);
	assert_int_equal(pool_volumes_left(x->catalog, note, seen, &f), 0);
	assert_string_equal(seen, "");
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(pool_volumes_left(x->catalog, note, seen, &f), 0);
	snprintf(expected, sizeof(expected), "%s fast u1 21474836480;", c->volume_id);
	assert_string_equal(seen, expected);
	assert_int_equal(pool_volumes_forget(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(pool_volumes_count(x->catalog, "fast", &f), 0);
	assert_int_equal(pool_volumes_find(x->catalog, c->volume_id, &found, &f), 0);
	assert_string_equal(found.pool, "");
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(an_older_catalog_takes_the_step_and_keeps_its_clusters),
		WITH_CATALOG(a_step_that_fails_leaves_the_older_catalog_as_it_was),
		WITH_CATALOG(a_pool_is_loaded_as_it_was_recorded),
		WITH_CATALOG(the_volume_of_a_cluster_that_has_gone_is_still_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
