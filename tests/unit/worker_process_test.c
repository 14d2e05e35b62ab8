// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/kms_fixture.c ../tests/unit/worker_fixture.c */
/*
 * The process of envelope-kms-worker: its privileges, and how it ends when its call is cancelled,
 * when it is killed, and when it cannot start.
 *
 * The programs are taken from the folder above that of this test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kms_fixture.h"
#include "lib/base/json.h"
#include "lib/kms/worker.h"
#include "worker_fixture.h"

static pid_t only_child_beside_kms(void)
{
	char path[64], text[256] = { 0 }, *at = text, *end;
	int fd;
	long pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	while ((pid = strtol(at, &end, 10)) > 0) {
		if (pid != kms->pid)
			return (pid_t)pid;
		at = end;
	}
	return 0;
}

static bool status_says(pid_t pid, const char *line)
{
	char path[64], text[8192] = { 0 };
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strstr(text, line) != NULL;
}

static unsigned int count_entries(pid_t pid, const char *folder)
{
	char path[64];
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, folder);
	d = opendir(path);
	assert_non_null(d);
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

/*
 * Starts a call that hangs. The worker has sent the request, so it has already dropped its
 * privileges.
 */
static struct kms_worker *hang(struct impostor *i, sd_event *e, struct worker_result *result,
			       pid_t *pid)
{
	struct json_object *request = json("{}");
	struct kms_worker *worker;
	struct config cfg;

	impostor_start(i);
	cfg = worker_config(i->endpoint);
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, worker_on_done, result,
					  &worker, NULL),
			 0);
	json_object_put(request);
	*pid = only_child_beside_kms();
	assert_true(*pid > 0);
	for (int tries = 0; tries < 600 && !i->asked; tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	assert_true(i->asked);
	return worker;
}

static void the_worker_has_no_privileges(void **state)
{
	struct worker_result _cleanup_result_ result = { 0 };
	struct kms_worker *worker;
	struct impostor i = { 0 };
	char path[64], text[4096];
	int inherited = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	sd_event *e;
	pid_t pid;
	int fd;

	assert_true(fcntl(inherited, F_DUPFD, 50) >= 50);
	assert_true(sd_event_new(&e) >= 0);
	worker = hang(&i, e, &result, &pid);

	assert_true(status_says(pid, "NoNewPrivs:\t1"));
	assert_true(status_says(pid, "Groups:\t \n"));
	if (!geteuid()) {
		assert_false(status_says(pid, "Uid:\t0"));
		assert_true(status_says(pid, "CapPrm:\t0000000000000000"));
		assert_true(status_says(pid, "CapEff:\t0000000000000000"));
	}
	/* 0 to 3, and at most three of libcurl (its socket and its wake-up pair). */
	assert_in_range(count_entries(pid, "fd"), 4, 7);
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
	assert_int_equal(readlink(path, text, sizeof(text)), 1);

	kms_worker_cancel(worker);
	impostor_stop(&i);
	sd_event_unref(e);
	assert_false(result.done);
	close(inherited);
}

static void a_cancelled_call_leaves_no_process_and_no_callback(void **state)
{
	struct worker_result _cleanup_result_ result = { 0 };
	struct kms_worker *worker;
	struct impostor i = { 0 };
	double start;
	sd_event *e;
	pid_t pid;

	assert_true(sd_event_new(&e) >= 0);
	worker = hang(&i, e, &result, &pid);
	start = monotonic_s();
	kms_worker_cancel(worker);
	assert_true(monotonic_s() - start < 15);
	assert_int_equal(only_child_beside_kms(), 0);
	assert_int_equal(sd_event_run(e, 0), 0);
	assert_false(result.done);
	impostor_stop(&i);
	sd_event_unref(e);
	kms_worker_cancel(NULL);
}

static unsigned int dropped;

static void on_drop(void *userdata)
{
	struct worker_result *result = userdata;

	assert_false(result->done);
	dropped++;
}

/* As after a start of the agent that has failed, before the next one in the same process. */
static void the_end_of_all_calls_leaves_nothing_of_them(void **state)
{
	struct worker_result _cleanup_result_ result = { 0 };
	struct impostor i = { 0 };
	struct kms_worker *worker;
	unsigned int before;
	struct fault f;
	sd_event *e;
	pid_t pid;

	assert_int_equal(kms_worker_prepare(&f), 0);
	before = count_entries(getpid(), "fd");
	for (unsigned int start = 1; start <= 2; start++) {
		assert_true(sd_event_new(&e) >= 0);
		worker = hang(&i, e, &result, &pid);
		kms_worker_on_drop(worker, on_drop);
		kms_worker_end_all();
		assert_int_equal(only_child_beside_kms(), 0);
		assert_int_equal(dropped, start);
		if (sd_event_run(e, 0))
			fail_msg("the loop has an event of a call that has ended");
		assert_false(result.done);
		impostor_stop(&i);
		i = (struct impostor){ 0 };
		/* The last reference: no source of a call holds the loop. */
		sd_event_unref(e);
		if (count_entries(getpid(), "fd") != before)
			fail_msg("%u descriptors before, %u after", before,
				 count_entries(getpid(), "fd"));
	}
	kms_worker_end_all();
	assert_int_equal(dropped, 2);
}

static void a_killed_worker_is_no_verdict(void **state)
{
	struct worker_result _cleanup_result_ result = { 0 };
	struct impostor i = { 0 };
	sd_event *e;
	pid_t pid;

	assert_true(sd_event_new(&e) >= 0);
	hang(&i, e, &result, &pid);
	kill(pid, SIGKILL);
	while (!result.done)
		assert_true(sd_event_run(e, UINT64_MAX) >= 0);
	impostor_stop(&i);
	sd_event_unref(e);
	worker_expect(&result, KMS_UNREACHABLE, "InternalFailure");
	assert_non_null(strstr(result.fault.message, "signal 9"));
}

static void a_failed_start_gives_its_reason(void **state)
{
	struct config cfg = worker_config("ftp://kms");
	struct worker_result result = { 0 };
	struct fault f = { 0 };
	struct json_object *request = json("{}");
	sd_event *e;

	assert_true(sd_event_new(&e) >= 0);
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, worker_on_done, &result,
					  NULL, &f),
			 -1);
	assert_non_null(strstr(f.message, "KmsEndpoint"));
	cfg = worker_config(kms->tls_endpoint);
	cfg.ca_file = (char *)"/nonexistent/ca.pem";
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, worker_on_done, &result,
					  NULL, &f),
			 -1);
	assert_non_null(strstr(f.message, "CaFile"));
	cfg = worker_config(kms->endpoint);
	cfg.credentials_file = (char *)"/nonexistent/credentials";
	assert_int_equal(kms_worker_start(e, &cfg, "ListKeys", request, worker_on_done, &result,
					  NULL, &f),
			 -1);
	assert_non_null(strstr(f.message, "credentials"));
	sd_event_unref(e);
	json_object_put(request);
	assert_false(result.done);
}

static int set_up(void **state)
{
	kms = kms_fixture_start();
	return kms ? 0 : -1;
}

static int tear_down(void **state)
{
	return kms_fixture_stop();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worker_has_no_privileges),
		cmocka_unit_test(a_cancelled_call_leaves_no_process_and_no_callback),
		cmocka_unit_test(the_end_of_all_calls_leaves_nothing_of_them),
		cmocka_unit_test(a_killed_worker_is_no_verdict),
		cmocka_unit_test(a_failed_start_gives_its_reason),
	};

	/* For tests/mutations/run: only the test of that name. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
