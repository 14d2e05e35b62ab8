// SPDX-License-Identifier: MIT
/* A look at files that is not waited for without end. Here the file system is a pipe that a test reads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/file_look.h"
#include "lib/base/file_note.h"

#define LONG_MS 600000

static int answer[2];
static atomic_int ran, dropped;
static atomic_bool takes_signals;

static void at_once(void *data)
{
	*(int *)data = 7;
}

static void waits(void *data)
{
	sigset_t blocked;
	char byte;

	file_note("/first");
	file_note("/second");
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	atomic_store(&takes_signals, !sigismember(&blocked, SIGHUP));
	if (read(answer[0], &byte, 1) == 1)
		atomic_fetch_add(&ran, 1);
}

static void drop(void *data)
{
	atomic_fetch_add(&dropped, 1);
}

static void a_look_that_ends_gives_its_result_back(void **state)
{
	static const struct file_look_work work = { .run = at_once, .drop = drop };
	int data = 0;
	char *path;

	assert_true(file_look_within(LONG_MS, &work, &data, &path));
	assert_int_equal(data, 7);
	assert_null(path);
	assert_int_equal(dropped, 0);
	file_note("/of no look");
}

static void a_look_that_does_not_end_is_left_and_names_its_file(void **state)
{
	static const struct file_look_work work = { .run = waits, .drop = drop };
	char *path = NULL;

	assert_int_equal(pipe(answer), 0);
	/* A busy machine may not have begun the thread within the first limit. */
	for (int limit = 50; !path; limit *= 2)
		assert_false(file_look_within(limit, &work, NULL, &path));
	assert_string_equal(path, "/second");
	assert_int_equal(ran, 0);
	assert_int_equal(dropped, 0);
	assert_false(takes_signals);
	free(path);
	close(answer[1]);
	while (!dropped)
		usleep(1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_that_ends_gives_its_result_back),
		cmocka_unit_test(a_look_that_does_not_end_is_left_and_names_its_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
