// SPDX-License-Identifier: MIT
/* The files of a call to the KMS, on a file system that is slow, or does not answer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/config.h"
#include "lib/kms/call_files.h"

/* Longer than a file is waited for at first. */
#define SLOW_US 2500000
#define TRIES	12

static atomic_bool slow, hung;
static atomic_int looks;

/* The last look at a file of a call is at the worker program. */
int access(const char *path, int mode)
{
	atomic_fetch_add(&looks, 1);
	if (slow)
		usleep(SLOW_US);
	while (hung)
		usleep(10000);
	return 0;
}

static struct config config;

static int set_up(void **state)
{
	static char path[] = "/tmp/envelope-call-files-XXXXXX";
	static const char text[] =
		"[enveloped]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n";
	int fd = mkstemp(path);
	struct faults all = { .each = faults_quiet };

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -1;
	close(fd);
	config_load_all("/dev/null", &config, &all);
	free(config.credentials_file);
	config.credentials_file = strdup(path);
	return config.credentials_file ? 0 : -1;
}

static int tear_down(void **state)
{
	unlink(config.credentials_file);
	config_free(&config);
	return 0;
}

static int read_files(struct fault *f)
{
	struct call_files files;
	int r = call_files_read(&config, false, &files, f);

	if (r == 0)
		call_files_free(&files);
	return r;
}

static void files_that_answer_slowly_are_read_by_a_later_call(void **state)
{
	struct fault f;
	int r = -1;

	atomic_store(&slow, true);
	for (int i = 0; r < 0 && i < TRIES; i++) {
		r = read_files(&f);
		if (r < 0)
			usleep(SLOW_US / 5);
	}
	atomic_store(&slow, false);
	if (r < 0)
		print_message("# %s\n", f.message);
	assert_int_equal(r, 0);
	assert_int_equal(read_files(&f), 0);
}

static void files_that_do_not_answer_are_not_asked_again_before_they_do(void **state)
{
	struct fault f;
	int before;

	atomic_store(&hung, true);
	assert_int_equal(read_files(&f), -1);
	before = atomic_load(&looks);
	assert_int_equal(read_files(&f), -1);
	assert_int_equal(atomic_load(&looks), before);
	assert_non_null(strstr(f.message, "does not answer"));
	atomic_store(&hung, false);
	for (int i = 0; i < 6000 && read_files(&f) < 0; i++)
		usleep(10000);
	assert_int_equal(read_files(&f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_answer_slowly_are_read_by_a_later_call),
		cmocka_unit_test(files_that_do_not_answer_are_not_asked_again_before_they_do),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
