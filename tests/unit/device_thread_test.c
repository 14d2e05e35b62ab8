// SPDX-License-Identifier: MIT
/* sources: agent/volume/device_thread.c */
/*
 * The device threads: the jobs of a lane run in order, the jobs of other lanes run beside them, and
 * each job ends in the event loop. A job that waits for a hung disk blocks neither the loop, nor
 * another lane, nor the end of the program. The owner of the job learns when its time is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/volume/device_thread.h"

#define JOBS 100
#define MANY 20 /* less than the threads at once */

struct job {
	pthread_t loop;
	int number;
	int *order;
	int *done;
	sem_t *hold;
	int late; /* learned that its time is over: 1 while it ran, 2 before it began; 3: dropped */
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

static void late(void *data, bool begun)
{
	struct job *job = data;

	assert_true(pthread_equal(pthread_self(), job->loop));
	assert_int_equal(job->late, 0);
	job->late = begun ? 1 : 2;
}

static void end(void *data)
{
	struct job *job = data;

	(*job->done)++;
}

static const struct device_work unordered = { .run = run, .done = end };
static const struct device_work work = { .run = run, .done = done };
static const struct device_work unordered_limited = { .run = run, .done = end, .late = late };
static const struct device_work limited = { .run = run, .done = done, .late = late };

static void drop(void *data)
{
	struct job *job = data;

	job->late = 3;
}

static const struct device_work dropped = { .run = run, .done = done, .drop = drop };

#define LONG 3600

static sd_event *new_loop(unsigned int seconds, struct device_thread **thread)
{
	sd_event *event;

	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(device_thread_new(event, seconds, thread), 0);
	return event;
}

static void jobs_run_in_order(void **state)
{
	struct device_thread *thread;
	struct job jobs[JOBS];
	int order[JOBS] = { -1 }, count = 0;
	sd_event *event = new_loop(LONG, &thread);

	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct job){ pthread_self(), i, order, &count, NULL, 0 };
		device_thread_submit(thread, "vol-1", &work, &jobs[i]);
	}
	while (count < JOBS)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	assert_true(device_thread_free(thread));
	sd_event_unref(event);
}

/* Threads of this process, this one included. */
static int count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 2;
}

/* The loop is busy: the jobs have ended in time, and their time is over before their turns come. */
static void a_job_that_has_ended_is_not_late(void **state)
{
	struct device_thread *thread;
	int order[MANY], count = 0, before = count_threads();
	sd_event *event = new_loop(1, &thread);
	struct job jobs[MANY];
	char lane[DEVICE_LANE_MAX];

	for (int i = 0; i < MANY; i++) {
		jobs[i] = (struct job){ pthread_self(), i, order, &count, NULL, 0 };
		snprintf(lane, sizeof(lane), "vol-%d", i);
		device_thread_submit(thread, lane, &unordered_limited, &jobs[i]);
	}
	while (count_threads() > before)
		usleep(1000);
	sleep(2);
	while (count < MANY)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(jobs[i].late, 0);
	assert_true(device_thread_free(thread));
	sd_event_unref(event);
}

/* The end of a job may wait for the disk of the catalog, and the watchdog is pinged between two turns. */
static void each_turn_of_the_loop_ends_one_job(void **state)
{
	struct device_thread *thread;
	int order[MANY], count = 0, before = count_threads();
	sd_event *event = new_loop(LONG, &thread);
	struct job jobs[MANY];
	char lane[DEVICE_LANE_MAX];

	for (int i = 0; i < MANY; i++) {
		jobs[i] = (struct job){ pthread_self(), i, order, &count, NULL, 0 };
		snprintf(lane, sizeof(lane), "vol-%d", i);
		device_thread_submit(thread, lane, &unordered, &jobs[i]);
	}
	/* All have ended before the loop learns of the first one. */
	while (count_threads() > before)
		usleep(1000);
	for (int i = 1; i <= MANY; i++) {
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
		if (count > i)
			fail_msg("%d jobs have ended in %d turns of the loop", count, i);
	}
	while (count < MANY)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	assert_true(device_thread_free(thread));
	sd_event_unref(event);
}

static void the_end_drops_what_is_not_done(void **state)
{
	struct device_thread *thread;
	int order[2] = { -1, -1 }, count = 0;
	sd_event *event = new_loop(LONG, &thread);
	struct job jobs[2];

	for (int i = 0; i < 2; i++) {
		jobs[i] = (struct job){ pthread_self(), i, order, &count, NULL, 0 };
		device_thread_submit(thread, "vol-1", &dropped, &jobs[i]);
	}
	/* The loop does not learn that the first one has run. */
	assert_true(device_thread_free(thread));
	assert_int_equal(count, 0);
	assert_true(order[0] == 0 && order[1] == -1);
	assert_true(jobs[0].late == 3 && jobs[1].late == 3);
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
	int order[3] = { -1, -1, -1 }, count = 0, other_count = 2, ticks = 0;
	sd_event *event = new_loop(LONG, &thread);
	sem_t hold;
	struct job job = { pthread_self(), 0, order, &count, &hold, 0 };
	struct job next = { pthread_self(), 1, order, &count, NULL, 0 };
	struct job other = { pthread_self(), 2, order, &other_count, NULL, 0 };

	sem_init(&hold, 0, 0);
	assert_false(device_thread_runs(thread, &job));
	device_thread_submit(thread, "vol-1", &work, &job);
	device_thread_submit(thread, "vol-1", &work, &next);
	device_thread_submit(thread, "vol-2", &work, &other);
	assert_true(sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 50000, 0, on_timer,
					       &ticks) >= 0);
	while (!ticks || other_count < 3)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	assert_int_equal(count, 0);
	/* After some seconds it gives up, and reports that the thread still runs. */
	assert_false(device_thread_free(thread));
	assert_true(device_thread_runs(thread, &job) && !device_thread_runs(thread, &next));
	sem_post(&hold);
	while (!count)
		assert_true(sd_event_run(event, 10 * 1000000) > 0);
	/* Once the job ends, the threads can be stopped, and the waiting job is not begun. */
	assert_false(device_thread_runs(thread, &job));
	assert_true(device_thread_free(thread));
	assert_int_equal(order[1], -1);
	sd_event_unref(event);
	sem_destroy(&hold);
}

static void the_owner_of_a_late_job_learns_of_it(void **state)
{
	struct device_thread *thread;
	int order[2] = { -1, -1 }, count = 0;
	sd_event *event = new_loop(LONG, &thread);
	sem_t hold;
	struct job job = { pthread_self(), 0, order, &count, &hold, 0 };
	struct job waiting = { pthread_self(), 1, order, &count, NULL, 0 };

	sem_init(&hold, 0, 0);
	device_thread_limit(thread, 1); /* as after a reload */
	device_thread_submit(thread, "vol-1", &limited, &job);
	device_thread_submit(thread, "vol-1", &limited, &waiting);
	while (!job.late || !waiting.late)
		assert_true(sd_event_run(event, 30 * 1000000) > 0);
	assert_int_equal(job.late, 1);
	assert_int_equal(waiting.late, 2);
	/* The late one still ends in done(); the one that had not begun does not. */
	assert_true(device_thread_runs(thread, &job));
	sem_post(&hold);
	while (!count)
		assert_true(sd_event_run(event, UINT64_MAX) > 0);
	assert_int_equal(order[1], -1);
	assert_true(device_thread_free(thread));
	sd_event_unref(event);
	sem_destroy(&hold);
}

/* Far more than there are threads at once, each in a lane of its own. */
static void hung_disks_without_number_keep_no_other_waiting(void **state)
{
	struct device_thread *thread;
	struct job jobs[JOBS];
	int order[JOBS + 1] = { -1 }, counts[JOBS], count = JOBS;
	struct job healthy = { pthread_self(), JOBS, order, &count, NULL, 0 };
	sd_event *event = new_loop(1, &thread);
	time_t end;
	sem_t hold;
	char lane[16];

	sem_init(&hold, 0, 0);
	for (int i = 0; i < JOBS; i++) {
		counts[i] = i;
		jobs[i] = (struct job){ pthread_self(), i, order, &counts[i], &hold, 0 };
		snprintf(lane, sizeof(lane), "vol-%d", i);
		device_thread_submit(thread, lane, &work, &jobs[i]);
	}
	device_thread_submit(thread, "healthy", &work, &healthy);
	/* The timers of the hung jobs keep the loop busy: it never is idle for long. */
	end = time(NULL) + 60;
	while (count == JOBS) {
		assert_true(sd_event_run(event, 1000000) >= 0);
		assert_true(time(NULL) < end);
	}
	for (int i = 0; i < JOBS; i++)
		sem_post(&hold);
	for (int i = 0; i < JOBS; i++)
		while (counts[i] == i)
			assert_true(sd_event_run(event, UINT64_MAX) > 0);
	assert_true(device_thread_free(thread));
	sd_event_unref(event);
	sem_destroy(&hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_run_in_order),
		cmocka_unit_test(a_job_that_has_ended_is_not_late),
		cmocka_unit_test(each_turn_of_the_loop_ends_one_job),
		cmocka_unit_test(the_end_drops_what_is_not_done),
		cmocka_unit_test(a_hung_job_stops_nothing_else),
		cmocka_unit_test(the_owner_of_a_late_job_learns_of_it),
		cmocka_unit_test(hung_disks_without_number_keep_no_other_waiting),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
