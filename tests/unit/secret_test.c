// SPDX-License-Identifier: MIT
/*
 * Secret memory from outside: the kernel's flags of the mapping, the view of a forked child, a
 * step beyond the page, and the bytes after release.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/secret.h"

/* The VmFlags line of the mapping that holds @address, from /proc/self/smaps. */
static bool has_flag(const void *address, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long from, to, at = (unsigned long)address;
	bool inside = false, found = false;
	char line[512];

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = at >= from && at < to;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag);
	}
	fclose(smaps);
	return found;
}

static void is_locked_undumped_and_wiped_on_fork(void **state)
{
	struct secret *s = secret_new(64);
	char heap[64];

	assert_non_null(s);
	assert_int_equal(s->size, 64);
	assert_true(has_flag(s->bytes, " lo"));
	assert_true(has_flag(s->bytes, " dd"));
	assert_true(has_flag(s->bytes, " wf"));
	assert_false(has_flag(heap, " dd")); /* negative control */
	secret_free(s);
}

static void starts_as_zeroes(void **state)
{
	static const uint8_t zeroes[4096];
	struct secret *s = secret_new(sizeof(zeroes));

	assert_memory_equal(s->bytes, zeroes, sizeof(zeroes));
	secret_free(s);
}

static void child_sees_nothing(void **state)
{
	struct secret *s = secret_new(32);
	int status;
	pid_t pid;

	memset(s->bytes, 0xa5, s->size);
	pid = fork();
	if (pid == 0)
		_exit(s->bytes[0] | s->bytes[31]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(s->bytes[0], 0xa5);
	secret_free(s);
}

/* Runs in a child: touching @offset must kill it. */
static int signal_of_touching(ptrdiff_t offset)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct secret *s = secret_new(4096);

		signal(SIGSEGV, SIG_DFL);
		((volatile uint8_t *)s->bytes)[offset] = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void guard_pages_stop_overruns(void **state)
{
	assert_int_equal(signal_of_touching(0), 0);
	assert_int_equal(signal_of_touching(4095), 0);
	assert_int_equal(signal_of_touching(4096), SIGSEGV);
	assert_int_equal(signal_of_touching(-1), SIGSEGV);
}

static void zero_and_huge_sizes_are_refused(void **state)
{
	assert_null(secret_new(0));
	assert_null(secret_new(SIZE_MAX));
	secret_free(NULL);
}

static void equality(void **state)
{
	_cleanup_secret_ struct secret *a = secret_new(32);
	_cleanup_secret_ struct secret *b = secret_new(32);
	_cleanup_secret_ struct secret *c = secret_new(31);

	assert_true(secret_equal(a, b));
	assert_false(secret_equal(a, c));
	b->bytes[31] = 1;
	assert_false(secret_equal(a, b));
}

static void process_has_no_core_and_no_peers(void **state)
{
	struct rlimit limit;

	assert_int_equal(prctl(PR_GET_DUMPABLE), 1); /* negative control */
	assert_int_equal(secret_process_init(), 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	getrlimit(RLIMIT_CORE, &limit);
	assert_int_equal(limit.rlim_cur, 0);
	assert_int_equal(limit.rlim_max, 0);
	prctl(PR_SET_DUMPABLE, 1); /* for the sanitizer's leak check at exit */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_locked_undumped_and_wiped_on_fork),
		cmocka_unit_test(starts_as_zeroes),
		cmocka_unit_test(child_sees_nothing),
		cmocka_unit_test(guard_pages_stop_overruns),
		cmocka_unit_test(zero_and_huge_sizes_are_refused),
		cmocka_unit_test(equality),
		cmocka_unit_test(process_has_no_core_and_no_peers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
