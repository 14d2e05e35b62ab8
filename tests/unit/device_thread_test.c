// SPDX-License-Identifier: MIT
/* sources: agent/volume/device_thread.c */
/*
 * The device thread runs jobs in order, and each job ends in the event loop. A job that waits for a
 * hung disk blocks neither the loop nor the end of the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "agent/volume/device_thread.h"

#define JOBS 100

struct job {
	pthread_t loop;
	int number;
	int *order;
	int *done;
	sem_t *hold;
};

static void run(void *data)
{
	struct job *job = data;

	assert_false(pthread_equal(pthread_self(), job->loop));
	if (job->hold)
		sem_wait(job->hold);
	job->order[job->number] = job->number;
}

static void done(void *data)
{
	struct job *job = data;

	assert_true(pthread_equal(pthread_self(), job->loop));
	/* In the order of submission. */
	assert_int_equal(*job->done, job->number);
	assert_int_equal(job->order[job->number], job->number);
	(*job->done)++;
}

static void jobs_run_in_order(void **state)
{
	struct device_thread *thread;
	struct job jobs[JOBS];
	int order[JOBS] = { -1 }, count = 0;
	sd_event *event;

	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(device_thread_new(event, &thread), 0);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct job){ pthread_self(), i, order, &count, NULL };
		device_thread_submit(thread, run, done, &jobs[i]);
	}
	while (count < JOBS)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	assert_true(device_thread_free(thread));
	sd_event_unref(event);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(*(int *)userdata)++;
	return 0;
}

static void a_hung_job_stops_nothing_else(void **state)
{
	struct device_thread *thread;
	int order[2] = { -1, -1 }, count = 0, ticks = 0;
	sd_event *event;
	sem_t hold;
	struct job job = { pthread_self(), 0, order, &count, &hold };
	struct job next = { pthread_self(), 1, order, &count, NULL };

	sem_init(&hold, 0, 0);
	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(device_thread_new(event, &thread), 0);
	assert_null(device_thread_running(thread));
	device_thread_submit(thread, run, done, &job);
	device_thread_submit(thread, run, done, &next);
	assert_true(sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 50000, 0, on_timer,
					       &ticks) >= 0);
	while (!ticks)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	assert_int_equal(count, 0);
	/* After some seconds it gives up, and reports that the thread still runs. */
	assert_false(device_thread_free(thread));
	assert_ptr_equal(device_thread_running(thread), &job);
	sem_post(&hold);
	while (!count)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	/* Once the job ends, the thread can be stopped, and the waiting job is not begun. */
	assert_null(device_thread_running(thread));
	assert_true(device_thread_free(thread));
	assert_int_equal(order[1], -1);
	sd_event_unref(event);
	sem_destroy(&hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_run_in_order),
		cmocka_unit_test(a_hung_job_stops_nothing_else),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
