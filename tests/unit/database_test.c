// SPDX-License-Identifier: MIT
/*
 * A database is found at any path that open() takes, through the URI that sqlite needs for its options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/database.h"
#include "lib/base/text.h"

/* Makes the database with the one, and opens it with the other. */
static int open_by_uri(const char *path)
{
	_cleanup_text_ char *uri = database_uri(path, "mode=ro&immutable=1");
	sqlite3 *db;
	int r;

	assert_non_null(uri);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	r = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	if (!r)
		r = sqlite3_exec(db, "SELECT a FROM t", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(unlink(path), 0);
	return r;
}

static void any_path_is_found(void **state)
{
	static const char *const names[] = { "plain", "a?mode=rwc#b", "50%20", "//two//slashes",
					     "caf\xc3\xa9 \x01\xff" };
	char root[] = "/tmp/database-test-XXXXXX";

	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		_cleanup_text_ char *folder = text_format("%s/two", root);
		_cleanup_text_ char *path = text_format("%s%s/%s", i % 2 ? "/" : "", root,
							names[i]);

		assert_true(i || !mkdir(folder, 0700));
		assert_int_equal(open_by_uri(path), SQLITE_OK);
		if (i == 3)
			assert_int_equal(rmdir(folder), 0);
	}
	assert_int_equal(chdir(root), 0);
	assert_int_equal(open_by_uri("of the work?ing folder"), SQLITE_OK);
	assert_int_equal(rmdir(root), 0);
}

/* Another program has the database for itself. */
static void a_copy_of_a_locked_database_fails(void **state)
{
	char root[] = "/tmp/database-test-XXXXXX";
	_cleanup_text_ char *path = NULL;
	sqlite3 *from, *to, *other;

	assert_non_null(mkdtemp(root));
	path = text_format("%s/db", root);
	assert_int_equal(sqlite3_open(path, &from), SQLITE_OK);
	assert_int_equal(sqlite3_exec(from, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_open(":memory:", &to), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(database_copy(from, to), SQLITE_BUSY);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(database_copy(from, to), SQLITE_OK);
	assert_int_equal(sqlite3_exec(to, "SELECT a FROM t", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(from);
	sqlite3_close(to);
	sqlite3_close(other);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_path_is_found),
		cmocka_unit_test(a_copy_of_a_locked_database_fails),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
