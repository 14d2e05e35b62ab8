// SPDX-License-Identifier: MIT
/* sources: agent/volume/job_fate.c */
/*
 * The fate of a step is decided once: a start whose thread has begun to open the volume cannot be given
 * up, and a start that was given up opens nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "agent/volume/job_fate.h"

static void what_was_given_up_is_not_kept(void **state)
{
	struct volume_job job = { 0 };

	job_fate_begin(&job);
	assert_false(job_fate_is_given_up(&job));
	assert_true(job_fate_give_up(&job));
	assert_true(job_fate_is_given_up(&job));
	assert_false(job_fate_keep(&job));
	/* A stop comes after the end of the client's wait. */
	assert_true(job_fate_give_up(&job));
	job_fate_begin(&job);
	assert_true(job_fate_keep(&job));
}

static void what_is_kept_is_not_given_up(void **state)
{
	struct volume_job job = { 0 };

	job_fate_begin(&job);
	assert_true(job_fate_keep(&job));
	assert_false(job_fate_give_up(&job));
	assert_false(job_fate_is_given_up(&job));
	/* At the end of the step, too. */
	assert_true(job_fate_keep(&job));
}

static void *keep(void *data)
{
	return job_fate_keep(data) ? data : NULL;
}

/* Thread and event loop decide at once: exactly one of them has its way. */
static void one_of_two_decides(void **state)
{
	for (int i = 0; i < 1000; i++) {
		struct volume_job job = { 0 };
		pthread_t thread;
		void *kept;
		bool given_up;

		job_fate_begin(&job);
		assert_int_equal(pthread_create(&thread, NULL, keep, &job), 0);
		given_up = job_fate_give_up(&job);
		assert_int_equal(pthread_join(thread, &kept), 0);
		assert_int_equal(given_up, !kept);
		assert_int_equal(job_fate_is_given_up(&job), given_up);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_given_up_is_not_kept),
		cmocka_unit_test(what_is_kept_is_not_given_up),
		cmocka_unit_test(one_of_two_decides),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
