// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/catalog_fixture.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * A damaged catalog on a disk that becomes full during the repair, after each number of writes: no
 * cluster is lost, the fault says that there is no room, tries leave no copies behind, and with room the
 * repair is done. pwrite(2) of SQLite is the test's own. A row that was written twice through a damaged
 * index does not keep the catalog from being written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/catalog/catalog.h"
#include "catalog_fixture.h"

#define ENOUGH 100000

static unsigned int room = ENOUGH; /* writes that the disk takes */

static ssize_t write_with_room(int fd, const void *bytes, size_t size, off_t at)
{
	if (!room) {
		errno = ENOSPC;
		return -1;
	}
	room--;
	return pwrite(fd, bytes, size, at);
}

static int replace_pwrite(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	static const char *const names[] = { "pwrite", "pwrite64" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (vfs->xGetSystemCall(vfs, names[i]) &&
		    vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)write_with_room))
			return -1;
	return 0;
}

/* The files of this kind beside the catalog, which are removed. */
static size_t take(const struct catalog_fixture *x, const char *kind)
{
	char pattern[200];
	size_t found = 0;
	glob_t files;

	snprintf(pattern, sizeof(pattern), "%s.%s-*", x->path, kind);
	if (glob(pattern, 0, NULL, &files) == 0) {
		for (; found < files.gl_pathc; found++)
			unlink(files.gl_pathv[found]);
		globfree(&files);
	}
	return found;
}

static void a_full_disk_during_a_repair_loses_nothing(void **state)
{
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1"), *b = catalog_fixture_make("db2");
	unsigned int refused = 0, writes = 0;
	bool done = false;
	size_t copies;

	catalog_fixture_store(x, a);
	catalog_fixture_store(x, b);
	for (; !done; writes++) {
		catalog_fixture_store(x, a);
		catalog_fixture_damage_index(x, a->resource_id);
		room = writes;
		catalog_fixture_reopen(x);
		done = catalog_repaired(x->catalog) && !catalog_trouble(x->catalog);
		catalog_fixture_load(x);
		if (x->count != 2)
			fail_msg("after %u writes %zu of 2 clusters are left", writes, x->count);
		if (!done) {
			const struct fault *trouble = catalog_trouble(x->catalog);

			refused++;
			if (!trouble || !strstr(trouble->message, "No space left on device"))
				fail_msg("after %u writes: %s", writes,
					 trouble ? trouble->message : "no trouble");
			if (take(x, "repaired"))
				fail_msg("after %u writes a copy is left", writes);
			room = ENOUGH;
			catalog_reopen(x->catalog);
			assert_non_null(catalog_repaired(x->catalog));
			assert_true(catalog_settled(x->catalog));
		}
		room = ENOUGH;
		copies = take(x, "repaired");
		if (take(x, "damaged"))
			fail_msg("after %u writes the catalog was given up", writes);
		if (copies != 1)
			fail_msg("after %u writes there are %zu copies", writes, copies);
	}
	print_message("# %u repairs without room, then one with it\n", refused);
	assert_true(refused > 10);
	cluster_free(a);
	cluster_free(b);
}

static void run(const struct catalog_fixture *x, const char *statement)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_row_that_was_written_twice_is_no_end_of_the_catalog(void **state)
{
	static const char *const write =
		"INSERT OR REPLACE INTO kms_change VALUES ('b-kms-of-the-test', 1)";
	struct catalog_fixture *x = *state;
	struct cluster *a = catalog_fixture_make("db1");

	catalog_close(x->catalog);
	x->catalog = NULL;
	run(x, write);
	catalog_fixture_damage_index(x, "b-kms-of-the-test");
	run(x, write);
	catalog_fixture_reopen(x);
	assert_non_null(catalog_repaired(x->catalog));
	assert_null(catalog_trouble(x->catalog));
	catalog_fixture_store(x, a);
	assert_int_equal(take(x, "damaged"), 1);
	cluster_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(a_row_that_was_written_twice_is_no_end_of_the_catalog),
		WITH_CATALOG(a_full_disk_during_a_repair_loses_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, replace_pwrite, NULL);
}
