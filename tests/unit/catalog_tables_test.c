// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/catalog_fixture.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/places.c agent/catalog/grants.c agent/catalog/protections.c agent/catalog/reaches.c agent/catalog/stamps.c agent/catalog/headers.c agent/catalog/boot_starts.c agent/catalog/warnings.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * The tables beside that of the clusters: a row lasts as long as its cluster.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_fixture.h"
#include "agent/catalog/boot_starts.h"
#include "agent/catalog/grants.h"
#include "agent/catalog/headers.h"
#include "agent/catalog/places.h"
#include "agent/catalog/protections.h"
#include "agent/catalog/reaches.h"
#include "agent/catalog/stamps.h"
#include "agent/catalog/warnings.h"
#include "lib/base/text.h"

static void the_disk_of_a_deleted_cluster_is_forgotten(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct fault f;

	catalog_fixture_store(x, c);
	text_set(&c->disk, "serial:S123");
	assert_int_equal(places_record(x->catalog, c, &f), 0);
	catalog_fixture_reopen(x);
	text_freep(&c->disk);
	assert_int_equal(places_find(x->catalog, c, &f), 0);
	assert_string_equal(c->disk, "serial:S123");
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(places_find(x->catalog, c, &f), 0);
	if (c->disk)
		fail_msg("the catalog still has the disk of a deleted cluster");
	cluster_free(c);
}

static void the_grant_of_a_deleted_cluster_is_forgotten(void **state)
{
	const struct grant given = { "envelope-kms 0123", "AKIAEXAMPLE" };
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct grant found = { 0 };
	struct fault f;

	catalog_fixture_store(x, c);
	assert_int_equal(grants_find(x->catalog, c->volume_id, &found, &f), 0);
	assert_int_equal(grants_record(x->catalog, c->volume_id, &given, &f), 0);
	catalog_fixture_reopen(x);
	assert_int_equal(grants_find(x->catalog, c->volume_id, &found, &f), 1);
	assert_memory_equal(&found, &given, sizeof(given));
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	if (grants_find(x->catalog, c->volume_id, &found, &f))
		fail_msg("the catalog still has the grant of a deleted cluster");
	cluster_free(c);
}

static bool is_protected(struct catalog_fixture *x, struct cluster *c)
{
	struct fault f;

	c->deletion_protection = !c->deletion_protection;
	assert_int_equal(protections_find(x->catalog, c, &f), 0);
	return c->deletion_protection;
}

static void a_protection_lasts_as_long_as_its_cluster(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct fault f;
	sqlite3 *db;

	catalog_fixture_store(x, c);
	assert_false(is_protected(x, c));
	for (int i = 0; i < 2; i++) {
		c->deletion_protection = true;
		assert_int_equal(protections_record(x->catalog, c, &f), 0);
		catalog_fixture_reopen(x);
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
	cluster_free(c);
}

static void a_profile_and_an_endpoint_last_as_long_as_their_cluster(void **state)
{
	static const struct reach none, own = { "payments", "https://kms.example.com" };
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct fault f;

	catalog_fixture_store(x, c);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(reaches_record(x->catalog, c->volume_id, &own, &f), 0);
		catalog_fixture_reopen(x);
		c->reach = none;
		assert_int_equal(reaches_find(x->catalog, c, &f), 0);
		assert_memory_equal(&c->reach, &own, sizeof(own));
		assert_int_equal(reaches_record(x->catalog, c->volume_id, &none, &f), 0);
		assert_int_equal(reaches_find(x->catalog, c, &f), 0);
		assert_memory_equal(&c->reach, &none, sizeof(none));
	}
	assert_int_equal(reaches_record(x->catalog, c->volume_id, &own, &f), 0);
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(reaches_find(x->catalog, c, &f), 0);
	if (c->reach.profile[0] || c->reach.endpoint[0])
		fail_msg("the catalog still has the endpoint of a deleted cluster");
	cluster_free(c);
}

static void the_stamp_of_a_deleted_cluster_is_forgotten(void **state)
{
	static const struct volume_owner none, stamps[] = {
		{ .host = "aa", .boot = "bb", .time = "2026-01-31T12:00:00Z" },
		{ .host = "aa", .boot = "cc", .time = "2026-02-01T12:00:00Z" },
	};
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct fault f;

	catalog_fixture_store(x, c);
	for (int i = 0; i < 2; i++) {
		c->stamp = stamps[i];
		assert_int_equal(stamps_record(x->catalog, c, &f), 0);
		catalog_fixture_reopen(x);
		c->stamp = none;
		assert_int_equal(stamps_find(x->catalog, c, &f), 0);
		assert_memory_equal(&c->stamp, &stamps[i], sizeof(none));
	}
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(stamps_find(x->catalog, c, &f), 0);
	if (c->stamp.host[0])
		fail_msg("the catalog still has the stamp of a deleted cluster");
	cluster_free(c);
}

static void keep(struct catalog_fixture *x, const struct cluster *c, const char *text)
{
	const struct packed_header packed = { (uint8_t *)text, strlen(text) };
	struct fault f;

	assert_int_equal(headers_record(x->catalog, c->volume_id, &packed, &f), 0);
}

static void a_header_goes_with_its_cluster_and_with_a_change_of_it(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct packed_header found;
	struct fault f;

	c->wrapped_key_size = 2;
	catalog_fixture_store(x, c);
	assert_int_equal(headers_has(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(headers_find(x->catalog, c->volume_id, &found, &f), 0);
	keep(x, c, "first");
	keep(x, c, "the second");
	catalog_fixture_reopen(x);
	/* A change of the status leaves the copy. */
	strcpy(c->reason, "another one");
	catalog_fixture_store(x, c);
	assert_int_equal(headers_has(x->catalog, c->volume_id, &f), 1);
	assert_int_equal(headers_find(x->catalog, c->volume_id, &found, &f), 1);
	assert_int_equal(found.size, strlen("the second"));
	assert_memory_equal(found.bytes, "the second", found.size);
	header_backup_free(&found);
	c->wrapped_key[0] ^= 1;
	catalog_fixture_store(x, c);
	if (headers_has(x->catalog, c->volume_id, &f))
		fail_msg("the catalog still has the header of another wrapped key");
	keep(x, c, "third");
	c->header_sha256[0] ^= 1;
	catalog_fixture_store(x, c);
	assert_int_equal(headers_has(x->catalog, c->volume_id, &f), 0);
	keep(x, c, "fourth");
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	if (headers_has(x->catalog, c->volume_id, &f))
		fail_msg("the catalog still has the header of a deleted cluster");
	cluster_free(c);
}

static void the_boot_start_of_a_deleted_cluster_is_forgotten(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct fault f;

	catalog_fixture_store(x, c);
	for (int i = 0; i < 4; i++) {
		bool at_boot = i & 1, read_only = i & 2;

		c->restart.at_boot = at_boot;
		c->restart.read_only = read_only;
		assert_int_equal(boot_starts_record(x->catalog, c, &f), 0);
		catalog_fixture_reopen(x);
		c->restart.at_boot = !at_boot;
		c->restart.read_only = !read_only;
		assert_int_equal(boot_starts_find(x->catalog, c, &f), 0);
		assert_int_equal(c->restart.at_boot, at_boot);
		assert_int_equal(c->restart.read_only, read_only);
	}
	c->restart.at_boot = true;
	assert_int_equal(boot_starts_record(x->catalog, c, &f), 0);
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(boot_starts_find(x->catalog, c, &f), 0);
	if (c->restart.at_boot)
		fail_msg("the catalog still has the boot start of a deleted cluster");
	cluster_free(c);
}

static void the_warning_of_a_deleted_cluster_is_forgotten(void **state)
{
	static const char *const texts[] = { "The first.", "The second.", "" };
	struct catalog_fixture *x = *state;
	struct cluster *c = catalog_fixture_make("db1");
	struct fault f;

	catalog_fixture_store(x, c);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		strcpy(c->warning, texts[i]);
		assert_int_equal(warnings_record(x->catalog, c, &f), 0);
		catalog_fixture_reopen(x);
		strcpy(c->warning, "of before");
		assert_int_equal(warnings_find(x->catalog, c, &f), 0);
		assert_string_equal(c->warning, texts[i]);
	}
	strcpy(c->warning, "The last.");
	assert_int_equal(warnings_record(x->catalog, c, &f), 0);
	assert_int_equal(catalog_delete(x->catalog, c->volume_id, &f), 0);
	assert_int_equal(warnings_find(x->catalog, c, &f), 0);
	assert_string_equal(c->warning, "");
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(the_disk_of_a_deleted_cluster_is_forgotten),
		WITH_CATALOG(the_grant_of_a_deleted_cluster_is_forgotten),
		WITH_CATALOG(a_protection_lasts_as_long_as_its_cluster),
		WITH_CATALOG(a_profile_and_an_endpoint_last_as_long_as_their_cluster),
		WITH_CATALOG(the_stamp_of_a_deleted_cluster_is_forgotten),
		WITH_CATALOG(a_header_goes_with_its_cluster_and_with_a_change_of_it),
		WITH_CATALOG(the_boot_start_of_a_deleted_cluster_is_forgotten),
		WITH_CATALOG(the_warning_of_a_deleted_cluster_is_forgotten),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
