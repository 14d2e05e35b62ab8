// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/catalog_fixture.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * The catalog returns the clusters that were stored, refuses a second cluster of the same name, keeps
 * a damaged file aside instead of overwriting it, and does without a file that cannot be opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/catalog/catalog.h"
#include "catalog_fixture.h"
#include "lib/base/text.h"

static void all_fields_survive(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");

	c->status = CLUSTER_RECOVERABLE;
	strcpy(c->reason, "DisabledException: it's 'disabled'; \"quoted\"");
	c->denied_since = 1700000123;
	memset(c->header_sha256, 'a', 64);
	for (size_t i = 0; i < sizeof(c->wrapped_key); i++)
		c->wrapped_key[i] = (uint8_t)i;
	c->wrapped_key_size = sizeof(c->wrapped_key);
	catalog_fixture_store(x, c);
	catalog_fixture_reopen(x);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 1);
	/* The stored and the loaded cluster are equal up to the last persistent field. */
	c->next = x->loaded[0]->next;
	assert_string_equal(c->device, x->loaded[0]->device);
	text_put(&c->device, x->loaded[0]->device);
	assert_memory_equal(c, x->loaded[0], offsetof(struct cluster, key));
	text_take(&c->device);
	cluster_free(c);
}

static void a_requested_key_is_no_arn(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");

	c->status = CLUSTER_CREATING;
	c->key_arn[0] = 0;
	strcpy(c->requested_key, "alias/orders");
	catalog_fixture_store(x, c);
	catalog_fixture_reopen(x);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 1);
	assert_string_equal(x->loaded[0]->requested_key, "alias/orders");
	assert_string_equal(x->loaded[0]->key_arn, "");
	assert_string_equal(cluster_key(x->loaded[0]), "alias/orders");
	cluster_free(c);
}

static void changes_replace_and_order_stays(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("b-first"), *b = catalog_fixture_make("a-second");

	b->created++;
	catalog_fixture_store(x, a);
	catalog_fixture_store(x, b);
	a->status = CLUSTER_INACCESSIBLE;
	strcpy(a->reason, "gone");
	text_set(&a->device, "/dev/vdc");
	catalog_fixture_store(x, a);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 2);
	assert_string_equal(x->loaded[0]->id, "b-first");
	assert_int_equal(x->loaded[0]->status, CLUSTER_INACCESSIBLE);
	assert_string_equal(x->loaded[0]->reason, "gone");
	assert_string_equal(x->loaded[0]->device, "/dev/vdc");
	assert_string_equal(x->loaded[1]->id, "a-second");
	cluster_free(a);
	cluster_free(b);
}

static void twins_are_refused(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1"), *b = catalog_fixture_make("DB1");
	struct fault f;

	catalog_fixture_store(x, a);
	assert_int_equal(catalog_store(x->catalog, b, &f), -1);
	strcpy(b->id, "db2");
	strcpy(b->resource_id, a->resource_id);
	assert_int_equal(catalog_store(x->catalog, b, &f), -1);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 1);
	cluster_free(a);
	cluster_free(b);
}

static void deleted_is_gone(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1");
	struct fault f;

	catalog_fixture_store(x, a);
	assert_int_equal(catalog_delete(x->catalog, a->volume_id, &f), 0);
	assert_int_equal(catalog_delete(x->catalog, a->volume_id, &f), 0);
	catalog_fixture_reopen(x);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 0);
	cluster_free(a);
}

static size_t set_aside(struct catalog_fixture *x)
{
	char pattern[200];
	size_t count = 0;
	glob_t files;

	snprintf(pattern, sizeof(pattern), "%s.damaged-*", x->path);
	if (glob(pattern, 0, NULL, &files) == 0) {
		count = files.gl_pathc;
		globfree(&files);
	}
	return count;
}

static void damaged_file_is_kept_aside(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1");
	FILE *file;

	catalog_close(x->catalog);
	x->catalog = NULL;
	file = fopen(x->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database. ", file);
	fclose(file);
	catalog_fixture_reopen(x);
	assert_int_equal(set_aside(x), 1);
	catalog_fixture_store(x, a);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 1);
	cluster_free(a);
}

/* @sql: what the file gets from another version */
static void change_file(struct catalog_fixture *x, const char *sql)
{
	sqlite3 *db;

	catalog_close(x->catalog);
	x->catalog = NULL;
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void is_too_new(struct catalog_fixture *x, const char *writer)
{
	struct fault f;

	assert_int_equal(catalog_open(x->path, &x->catalog, &f), -1);
	assert_string_equal(f.code, "CatalogTooNew");
	if (!strstr(f.message, writer))
		fail_msg("expected '%s', seen '%s'", writer, f.message);
	assert_non_null(strstr(f.message, "has the schema 99"));
	assert_non_null(strstr(f.message, "Install the newer version again"));
	assert_int_equal(set_aside(x), 0);
	assert_null(x->catalog);
}

/* Of the file: 1 for a rollback journal, 2 for WAL. */
static int log_version(const struct catalog_fixture *x)
{
	FILE *file = fopen(x->path, "r");
	int version;

	assert_non_null(file);
	assert_int_equal(fseek(file, 18, SEEK_SET), 0);
	version = fgetc(file);
	fclose(file);
	return version;
}

static void newer_file_is_left_alone(void **state)
{
	struct catalog_fixture *x = *state;

	change_file(x, "PRAGMA user_version = 99; UPDATE writer SET version = '7.1';");
	is_too_new(x, "which enveloped 7.1 wrote");
	change_file(x, "DROP TABLE writer;");
	is_too_new(x, "which a newer enveloped wrote");
	/* A later version may have another kind of log. */
	change_file(x, "PRAGMA journal_mode = DELETE;");
	assert_int_equal(log_version(x), 1);
	is_too_new(x, "which a newer enveloped wrote");
	assert_int_equal(log_version(x), 1);
	/* No look has written to it. */
	change_file(x, "CREATE TABLE writer (version TEXT); PRAGMA user_version = 2;");
}

static void the_writer_of_a_file_is_the_last_version(void **state)
{
	struct catalog_fixture *x = *state;

	change_file(x, "UPDATE writer SET version = '0.0.1';");
	catalog_fixture_reopen(x);
	change_file(x, "PRAGMA user_version = 99;");
	is_too_new(x, "which enveloped " ENVELOPE_VERSION " wrote");
}

static void a_damaged_index_is_noticed_and_rebuilt(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1"), *b = catalog_fixture_make("db2");
	const struct fault *repaired;
	char pattern[200];
	glob_t files;

	catalog_fixture_store(x, a);
	catalog_fixture_store(x, b);
	assert_null(catalog_repaired(x->catalog));
	catalog_fixture_damage_index(x, a->resource_id);
	catalog_fixture_reopen(x);
	repaired = catalog_repaired(x->catalog);
	if (!repaired)
		fail_msg("an index with a wrong entry was accepted");
	assert_string_equal(repaired->code, "CatalogDamaged");
	catalog_fixture_load(x);
	assert_int_equal(x->count, 2);
	snprintf(pattern, sizeof(pattern), "%s.repaired-*", x->path);
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	assert_non_null(strstr(repaired->message, files.gl_pathv[0]));
	globfree(&files);
	catalog_fixture_reopen(x);
	assert_null(catalog_repaired(x->catalog));
	cluster_free(a);
	cluster_free(b);
}

static void count_call(void *userdata)
{
	++*(unsigned int *)userdata;
}

static void a_file_that_cannot_be_opened_is_replaced_in_memory(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1");
	unsigned int calls = 0;
	char path[160];
	struct fault f;

	catalog_close(x->catalog);
	/* A file where a folder should be. */
	snprintf(path, sizeof(path), "%s/catalog.sqlite", x->path);
	assert_int_equal(catalog_open(path, &x->catalog, &f), 0);
	assert_non_null(catalog_trouble(x->catalog));
	assert_non_null(strstr(catalog_trouble(x->catalog)->message, path));
	catalog_fixture_load(x);
	assert_int_equal(x->count, 0);
	catalog_on_trouble(x->catalog, count_call, &calls);
	assert_int_equal(catalog_store(x->catalog, a, &f), -1);
	assert_string_equal(f.code, "CatalogUnavailable");
	assert_int_equal(calls, 0);
	assert_false(catalog_reopen(x->catalog));
	unlink(x->path);
	assert_true(catalog_reopen(x->catalog));
	catalog_fixture_store(x, a);
	assert_true(catalog_settled(x->catalog));
	assert_null(catalog_trouble(x->catalog));
	catalog_close(x->catalog);
	x->catalog = NULL;
	unlink(path);
	assert_int_equal(rmdir(x->path), 0);
	cluster_free(a);
}

static void strange_status_is_skipped(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1"), *b = catalog_fixture_make("db2");
	sqlite3 *db;

	catalog_fixture_store(x, a);
	catalog_fixture_store(x, b);
	catalog_close(x->catalog);
	x->catalog = NULL;
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	sqlite3_exec(db, "UPDATE cluster SET status = 'dancing' WHERE id = 'db1'", NULL, NULL,
		     NULL);
	sqlite3_close(db);
	catalog_fixture_reopen(x);
	catalog_fixture_load(x);
	assert_int_equal(x->count, 1);
	assert_string_equal(x->loaded[0]->id, "db2");
	cluster_free(a);
	cluster_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(all_fields_survive),
		WITH_CATALOG(a_requested_key_is_no_arn),
		WITH_CATALOG(changes_replace_and_order_stays),
		WITH_CATALOG(twins_are_refused),
		WITH_CATALOG(deleted_is_gone),
		WITH_CATALOG(damaged_file_is_kept_aside),
		WITH_CATALOG(newer_file_is_left_alone),
		WITH_CATALOG(the_writer_of_a_file_is_the_last_version),
		WITH_CATALOG(strange_status_is_skipped),
		WITH_CATALOG(a_damaged_index_is_noticed_and_rebuilt),
		WITH_CATALOG(a_file_that_cannot_be_opened_is_replaced_in_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
