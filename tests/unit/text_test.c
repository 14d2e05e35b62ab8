// SPDX-License-Identifier: MIT
/*
 * Paths up to the kernel's limit and beyond it: none is cut, since a path that is cut names another
 * file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/folder.h"
#include "lib/base/text.h"

static char root[] = "/tmp/text-test-XXXXXX";

/* A path of @length bytes below @root, in folders of 200 bytes. */
static char *deep(size_t length)
{
	char *path = malloc(length + 1);

	assert_non_null(path);
	memset(path, 'd', length);
	memcpy(path, root, strlen(root));
	for (size_t i = strlen(root); i + 1 < length; i += 200)
		path[i] = '/';
	path[length] = 0;
	return path;
}

static int setup(void **state)
{
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	_cleanup_text_ char *command = text_format("rm -rf %s", root);

	return system(command);
}

static void a_text_of_any_length_is_whole(void **state)
{
	_cleanup_text_ char *folder = deep(3 * PATH_MAX);
	_cleanup_text_ char *path = text_format("%s/%s", folder, "file");

	assert_int_equal(strlen(path), strlen(folder) + strlen("/file"));
	text_freep(&path);
	assert_null(path);
}

static void a_file_is_made_near_the_limit_of_the_kernel(void **state)
{
	_cleanup_text_ char *folder = deep(PATH_MAX - 1 - strlen("/file.XXXXXX"));
	_cleanup_text_ char *path = text_format("%s/file", folder), *text = NULL;
	struct fault f = { 0 };

	assert_int_equal(folder_check_for(path, &f), 0);
	if (folder_make_for(path, 0700, 0700, &f))
		fail_msg("a deep folder is not made: %s", f.message);
	if (file_create(path, 0600, "it", 2, &f))
		fail_msg("a file in a deep folder is not made: %s", f.message);
	assert_int_equal(file_sync_folder(path), 0);
	assert_int_equal(file_read_text(path, 2, &text, &f), 0);
	assert_string_equal(text, "it");
}

/* Cut at 4095 bytes it would name a folder that can be made. */
static void a_path_beyond_the_limit_is_refused(void **state)
{
	_cleanup_text_ char *folder = deep(PATH_MAX + 100);
	_cleanup_text_ char *path = text_format("%s/file", folder);
	struct fault f = { 0 };

	if (!folder_check(folder, &f) || !folder_check_for(path, &f))
		fail_msg("a folder is said to be good that nobody can make");
	assert_non_null(strstr(f.message, strerror(ENAMETOOLONG)));
	assert_int_equal(folder_make(folder, 0700, 0700, &f), -1);
	assert_int_equal(file_create(path, 0600, "it", 2, &f), -1);
	assert_non_null(strstr(f.message, strerror(ENAMETOOLONG)));
	assert_int_equal(file_sync_folder(path), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void an_empty_path_is_refused(void **state)
{
	struct fault f = { 0 };

	assert_int_equal(folder_make("", 0700, 0700, &f), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_of_any_length_is_whole),
		cmocka_unit_test(a_file_is_made_near_the_limit_of_the_kernel),
		cmocka_unit_test(a_path_beyond_the_limit_is_refused),
		cmocka_unit_test(an_empty_path_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
