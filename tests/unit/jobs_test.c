// SPDX-License-Identifier: MIT
/* sources: agent/catalog/jobs.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/cluster.c */
/*
 * The job table: a row survives the agent that wrote it, there is one row for each volume, and a
 * catalog of an agent without the table gets one.
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
#include <unistd.h>

#include "agent/catalog/jobs.h"
#include "lib/base/text.h"

static char directory[] = "/tmp/jobs-test-XXXXXX", path[64];

static struct catalog *opened(void)
{
	struct catalog *catalog = NULL;
	struct fault f;

	if (catalog_open(path, &catalog, &f) < 0)
		fail_msg("%s", f.message);
	return catalog;
}

static int set_up(void **state)
{
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/catalog.sqlite", directory);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(directory);
}

static void a_row_survives_its_agent(void **state)
{
	struct job job = { .volume_id = "vol-0123456789abcdef0",
			   .kind = "create",
			   .step = "resolve-key",
			   .begun = 1700000000 };
	struct job found = { 0 };
	struct catalog *catalog = opened();
	struct fault f;

	assert_int_equal(jobs_find(catalog, job.volume_id, &found, &f), 0);
	assert_int_equal(jobs_record(catalog, &job, &f), 0);
	strcpy(job.step, "format");
	text_set(&job.made, "/dev/vdb");
	job.begun = 1800000000;
	assert_int_equal(jobs_record(catalog, &job, &f), 0);
	catalog_close(catalog);
	catalog = opened();
	assert_int_equal(jobs_find(catalog, job.volume_id, &found, &f), 1);
	assert_string_equal(found.kind, "create");
	assert_string_equal(found.step, "format");
	assert_string_equal(found.made, "/dev/vdb");
	assert_true(found.begun == 1700000000);
	jobs_clear(&found);
	assert_int_equal(jobs_find(catalog, "vol-0123456789abcdef1", &found, &f), 0);
	assert_int_equal(jobs_forget(catalog, job.volume_id, &f), 0);
	assert_int_equal(jobs_forget(catalog, job.volume_id, &f), 0);
	assert_int_equal(jobs_find(catalog, job.volume_id, &found, &f), 0);
	jobs_clear(&job);
	catalog_close(catalog);
}

static void an_older_catalog_gets_the_table(void **state)
{
	struct job job = { .volume_id = "vol-0123456789abcdef0", .kind = "delete" };
	struct catalog *catalog = opened();
	struct fault f;

	assert_int_equal(sqlite3_exec(catalog_db(catalog), "DROP TABLE job", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(jobs_record(catalog, &job, &f), -1);
	assert_string_equal(f.code, "InternalFailure");
	catalog_close(catalog);
	catalog = opened();
	assert_int_equal(jobs_record(catalog, &job, &f), 0);
	assert_int_equal(jobs_forget(catalog, job.volume_id, &f), 0);
	catalog_close(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_survives_its_agent),
		cmocka_unit_test(an_older_catalog_gets_the_table),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
