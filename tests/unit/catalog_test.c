// SPDX-License-Identifier: MIT
/* sources: agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/statement.c agent/catalog/places.c agent/catalog/grants.c agent/catalog/protections.c agent/catalog/boot_starts.c agent/catalog/cluster.c agent/lease/lease.c */
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

#include "agent/catalog/boot_starts.h"
#include "agent/catalog/catalog.h"
#include "agent/catalog/grants.h"
#include "agent/catalog/places.h"
#include "agent/catalog/protections.h"

struct fixture {
	char directory[64];
	char path[128];
	struct catalog *catalog;
	struct cluster *loaded[8];
	size_t count;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct fault f;

	strcpy(x->directory, "/tmp/catalog-test-XXXXXX");
	assert_non_null(mkdtemp(x->directory));
	snprintf(x->path, sizeof(x->path), "%s/catalog.sqlite", x->directory);
	if (catalog_open(x->path, &x->catalog, &f) < 0)
		fail_msg("%s", f.message);
	*state = x;
	return 0;
}

static void forget(struct fixture *x)
{
	for (size_t i = 0; i < x->count; i++)
		free(x->loaded[i]);
	x->count = 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	char pattern[160];
	glob_t files;

	forget(x);
	catalog_close(x->catalog);
	snprintf(pattern, sizeof(pattern), "%s/*", x->directory);
	if (glob(pattern, 0, NULL, &files) == 0) {
		for (size_t i = 0; i < files.gl_pathc; i++)
			unlink(files.gl_pathv[i]);
		globfree(&files);
	}
	assert_int_equal(rmdir(x->directory), 0);
	free(x);
	return 0;
}

static void collect(struct cluster *cluster, void *userdata)
{
	struct fixture *x = userdata;

	assert_true(x->count < 8);
	x->loaded[x->count++] = cluster;
}

static void reopen(struct fixture *x)
{
	struct fault f;

	catalog_close(x->catalog);
	x->catalog = NULL;
	if (catalog_open(x->path, &x->catalog, &f) < 0)
		fail_msg("%s", f.message);
}

static void load(struct fixture *x)
{
	struct fault f;

	forget(x);
	if (catalog_load(x->catalog, collect, x, &f) < 0)
		fail_msg("%s", f.message);
}

static struct cluster *make(const char *id)
{
	struct cluster *c = calloc(1, sizeof(*c));

	cluster_make_ids(c);
	snprintf(c->id, sizeof(c->id), "%s", id);
	strcpy(c->device, "/dev/vdb");
	strcpy(c->key_arn, "arn:aws:kms:us-east-1:123456789012:key/x");
	strcpy(c->region, "us-east-1");
	strcpy(c->account, "123456789012");
	c->status = CLUSTER_AVAILABLE;
	c->created = 1700000000;
	return c;
}

static void store(struct fixture *x, const struct cluster *c)
{
	struct fault f;

	if (catalog_store(x->catalog, c, &f) < 0)
		fail_msg("%s", f.message);
}

static void all_fields_survive(void **state)
{
	struct fixture *x = *state;
	struct cluster *c = make("db1");

	c->status = CLUSTER_RECOVERABLE;
	strcpy(c->reason, "DisabledException: it's 'disabled'; \"quoted\"");
	c->denied_since = 1700000123;
	memset(c->header_sha256, 'a', 64);
	for (size_t i = 0; i < sizeof(c->wrapped_key); i++)
		c->wrapped_key[i] = (uint8_t)i;
	c->wrapped_key_size = sizeof(c->wrapped_key);
	store(x, c);
	reopen(x);
	load(x);
	assert_int_equal(x->count, 1);
	/* The stored and the loaded cluster are equal up to the last persistent field. */
	c->next = x->loaded[0]->next;
	assert_memory_equal(c, x->loaded[0], offsetof(struct cluster, key));
	free(c);
}

static void a_requested_key_is_no_arn(void **state)
{
	struct fixture *x = *state;
	struct cluster *c = make("db1");

	c->status = CLUSTER_CREATING;
	c->key_arn[0] = 0;
	strcpy(c->requested_key, "alias/orders");
	store(x, c);
	reopen(x);
	load(x);
	assert_int_equal(x->count, 1);
	assert_string_equal(x->loaded[0]->requested_key, "alias/orders");
	assert_string_equal(x->loaded[0]->key_arn, "");
	assert_string_equal(cluster_key(x->loaded[0]), "alias/orders");
	free(c);
}

static void changes_replace_and_order_stays(void **state)
{
	struct fixture *x = *state;
	struct cluster *a = make("b-first"), *b = make("a-second");

	b->created++;
	store(x, a);
	store(x, b);
	a->status = CLUSTER_INACCESSIBLE;
	strcpy(a->reason, "gone");
	strcpy(a->device, "/dev/vdc");
	store(x, a);
	load(x);
	assert_int_equal(x->count, 2);
	assert_string_equal(x->loaded[0]->id, "b-first");
	assert_int_equal(x->loaded[0]->status, CLUSTER_INACCESSIBLE);
	assert_string_equal(x->loaded[0]->reason, "gone");
	assert_string_equal(x->loaded[0]->device, "/dev/vdc");
	assert_string_equal(x->loaded[1]->id, "a-second");
	free(a);
	free(b);
}

static void twins_are_refused(void **state)
{
	struct fixture *x = *state;
	struct cluster *a = make("db1"), *b = make("DB1");
	struct fault f;

	store(x, a);
	assert_int_equal(catalog_store(x->catalog, b, &f), -1);
	strcpy(b->id, "db2");
	strcpy(b->resource_id, a->resource_id);
	assert_int_equal(catalog_store(x->catalog, b, &f), -1);
	load(x);
	assert_int_equal(x->count, 1);
	free(a);
	free(b);
}

static void the_disk_of_a_deleted_cluster_is_forgotten(void **state)
{
	struct fixture *x = *state;
	struct cluster *c = make("db1");
	struct fault f;

	store(x, c);
	strcpy(c->disk, "serial:S123");
	assert_int_equal(places_record(x->catalog, c, &f), 0);
	reopen(x);
	c->disk[0] = 0;
	assert_int_equal(places_find(x->catalog, c, &f), 0);
	assert_string_equal(c->disk, "serial:S123");
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(places_find(x->catalog, c, &f), 0);
	if (c->disk[0])
		fail_msg("the catalog still has the disk of a deleted cluster");
	free(c);
}

static void the_grant_of_a_deleted_cluster_is_forgotten(void **state)
{
	const struct grant given = { "envelope-kms 0123", "AKIAEXAMPLE" };
	struct fixture *x = *state;
	struct cluster *c = make("db1");
	struct grant found = { 0 };
	struct fault f;

	store(x, c);
	assert_int_equal(grants_find(x->catalog, c->volume_id, &found, &f), 0);
	assert_int_equal(grants_record(x->catalog, c->volume_id, &given, &f), 0);
	reopen(x);
	assert_int_equal(grants_find(x->catalog, c->volume_id, &found, &f), 1);
	assert_memory_equal(&found, &given, sizeof(given));
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	if (grants_find(x->catalog, c->volume_id, &found, &f))
		fail_msg("the catalog still has the grant of a deleted cluster");
	free(c);
}

static bool is_protected(struct fixture *x, struct cluster *c)
{
	struct fault f;

	c->deletion_protection = !c->deletion_protection;
	assert_int_equal(protections_find(x->catalog, c, &f), 0);
	return c->deletion_protection;
}

static void a_protection_lasts_as_long_as_its_cluster(void **state)
{
	struct fixture *x = *state;
	struct cluster *c = make("db1");
	struct fault f;
	sqlite3 *db;

	store(x, c);
	assert_false(is_protected(x, c));
	for (int i = 0; i < 2; i++) {
		c->deletion_protection = true;
		assert_int_equal(protections_record(x->catalog, c, &f), 0);
		reopen(x);
		assert_true(is_protected(x, c));
		c->deletion_protection = false;
		assert_int_equal(protections_record(x->catalog, c, &f), 0);
		assert_false(is_protected(x, c));
	}
	c->deletion_protection = true;
	assert_int_equal(protections_record(x->catalog, c, &f), 0);
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_false(is_protected(x, c));
	/* A table that cannot be read protects. */
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE protection", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(protections_find(x->catalog, c, &f), -1);
	assert_true(c->deletion_protection);
	free(c);
}

static void the_boot_start_of_a_deleted_cluster_is_forgotten(void **state)
{
	struct fixture *x = *state;
	struct cluster *c = make("db1");
	struct fault f;

	store(x, c);
	for (int at_boot = 1; at_boot >= 0; at_boot--) {
		c->restart.at_boot = at_boot;
		assert_int_equal(boot_starts_record(x->catalog, c, &f), 0);
		reopen(x);
		c->restart.at_boot = !at_boot;
		assert_int_equal(boot_starts_find(x->catalog, c, &f), 0);
		assert_int_equal(c->restart.at_boot, at_boot);
	}
	c->restart.at_boot = true;
	assert_int_equal(boot_starts_record(x->catalog, c, &f), 0);
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(boot_starts_find(x->catalog, c, &f), 0);
	if (c->restart.at_boot)
		fail_msg("the catalog still has the boot start of a deleted cluster");
	free(c);
}

static void deleted_is_gone(void **state)
{
	struct fixture *x = *state;
	struct cluster *a = make("db1");
	struct fault f;

	store(x, a);
	assert_int_equal(catalog_delete(x->catalog, a->volume_id, &f), 0);
	assert_int_equal(catalog_delete(x->catalog, a->volume_id, &f), 0);
	reopen(x);
	load(x);
	assert_int_equal(x->count, 0);
	free(a);
}

static size_t set_aside(struct fixture *x)
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
	struct fixture *x = *state;
	struct cluster *a = make("db1");
	FILE *file;

	catalog_close(x->catalog);
	x->catalog = NULL;
	file = fopen(x->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database. ", file);
	fclose(file);
	reopen(x);
	assert_int_equal(set_aside(x), 1);
	store(x, a);
	load(x);
	assert_int_equal(x->count, 1);
	free(a);
}

static void newer_file_is_left_alone(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	sqlite3 *db;

	catalog_close(x->catalog);
	x->catalog = NULL;
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(catalog_open(x->path, &x->catalog, &f), -1);
	assert_string_equal(f.code, "InvalidConfiguration");
	assert_non_null(strstr(f.message, "newer"));
	assert_int_equal(set_aside(x), 0);
	assert_null(x->catalog);
}

/* Changes one byte of a text in a page of an index, which is its second copy in the file. */
static void damage_index(struct fixture *x, const char *text)
{
	static char bytes[1 << 17];
	char *second, *first;
	size_t size;
	FILE *file;

	catalog_close(x->catalog);
	x->catalog = NULL;
	file = fopen(x->path, "r+");
	size = fread(bytes, 1, sizeof(bytes), file);
	first = memmem(bytes, size, text, strlen(text));
	assert_non_null(first);
	second = memmem(first + 1, size - (size_t)(first + 1 - bytes), text, strlen(text));
	assert_non_null(second);
	fseek(file, second - bytes, SEEK_SET);
	fputc('x', file);
	fclose(file);
}

static void a_damaged_index_is_noticed_and_rebuilt(void **state)
{
	struct fixture *x = *state;
	struct cluster *a = make("db1"), *b = make("db2");
	const struct fault *repaired;
	char pattern[200];
	glob_t files;

	store(x, a);
	store(x, b);
	assert_null(catalog_repaired(x->catalog));
	damage_index(x, a->resource_id);
	reopen(x);
	repaired = catalog_repaired(x->catalog);
	if (!repaired)
		fail_msg("an index with a wrong entry was accepted");
	assert_string_equal(repaired->code, "CatalogDamaged");
	load(x);
	assert_int_equal(x->count, 2);
	snprintf(pattern, sizeof(pattern), "%s.repaired-*", x->path);
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	assert_non_null(strstr(repaired->message, files.gl_pathv[0]));
	globfree(&files);
	reopen(x);
	assert_null(catalog_repaired(x->catalog));
	free(a);
	free(b);
}

static void count_call(void *userdata)
{
	++*(unsigned int *)userdata;
}

static void a_file_that_cannot_be_opened_is_replaced_in_memory(void **state)
{
	struct fixture *x = *state;
	struct cluster *a = make("db1");
	unsigned int calls = 0;
	char path[160];
	struct fault f;

	catalog_close(x->catalog);
	/* A file where a folder should be. */
	snprintf(path, sizeof(path), "%s/catalog.sqlite", x->path);
	assert_int_equal(catalog_open(path, &x->catalog, &f), 0);
	assert_non_null(catalog_trouble(x->catalog));
	assert_non_null(strstr(catalog_trouble(x->catalog)->message, path));
	load(x);
	assert_int_equal(x->count, 0);
	catalog_on_trouble(x->catalog, count_call, &calls);
	assert_int_equal(catalog_store(x->catalog, a, &f), -1);
	assert_string_equal(f.code, "CatalogUnavailable");
	assert_int_equal(calls, 0);
	assert_false(catalog_reopen(x->catalog));
	unlink(x->path);
	assert_true(catalog_reopen(x->catalog));
	store(x, a);
	assert_true(catalog_settled(x->catalog));
	assert_null(catalog_trouble(x->catalog));
	catalog_close(x->catalog);
	x->catalog = NULL;
	unlink(path);
	assert_int_equal(rmdir(x->path), 0);
	free(a);
}

static void strange_status_is_skipped(void **state)
{
	struct fixture *x = *state;
	struct cluster *a = make("db1"), *b = make("db2");
	sqlite3 *db;

	store(x, a);
	store(x, b);
	catalog_close(x->catalog);
	x->catalog = NULL;
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	sqlite3_exec(db, "UPDATE cluster SET status = 'dancing' WHERE id = 'db1'", NULL, NULL,
		     NULL);
	sqlite3_close(db);
	reopen(x);
	load(x);
	assert_int_equal(x->count, 1);
	assert_string_equal(x->loaded[0]->id, "db2");
	free(a);
	free(b);
}

#define WITH_CATALOG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(all_fields_survive),
		WITH_CATALOG(a_requested_key_is_no_arn),
		WITH_CATALOG(changes_replace_and_order_stays),
		WITH_CATALOG(twins_are_refused),
		WITH_CATALOG(a_protection_lasts_as_long_as_its_cluster),
		WITH_CATALOG(deleted_is_gone),
		WITH_CATALOG(the_disk_of_a_deleted_cluster_is_forgotten),
		WITH_CATALOG(the_grant_of_a_deleted_cluster_is_forgotten),
		WITH_CATALOG(the_boot_start_of_a_deleted_cluster_is_forgotten),
		WITH_CATALOG(damaged_file_is_kept_aside),
		WITH_CATALOG(newer_file_is_left_alone),
		WITH_CATALOG(strange_status_is_skipped),
		WITH_CATALOG(a_damaged_index_is_noticed_and_rebuilt),
		WITH_CATALOG(a_file_that_cannot_be_opened_is_replaced_in_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
