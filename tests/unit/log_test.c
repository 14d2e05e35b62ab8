// SPDX-License-Identifier: MIT
/* A program that drops messages without a reader does not wait in write(2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/log.h"

static unsigned int written;

/* Only log.c calls it. */
ssize_t write(int fd, const void *data, size_t size)
{
	written++;
	return (ssize_t)size;
}

/* stderr is a pipe. Returns its other end. */
static int pipe_as_stderr(bool full)
{
	char page[4096] = { 0 };
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, sizeof(page)), sizeof(page));
	if (full) {
		struct iovec iov = { page, sizeof(page) };

		assert_int_equal(writev(ends[1], &iov, 1), sizeof(page));
	}
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

static void a_message_without_a_reader_is_dropped(void **state)
{
	int console = dup(STDERR_FILENO), reading = pipe_as_stderr(true);

	log_warning("waits");
	assert_int_equal(written, 1);
	log_drop_unread();
	log_warning("is dropped");
	assert_int_equal(written, 1);
	close(reading);
	reading = pipe_as_stderr(false);
	log_warning("has room");
	assert_int_equal(written, 2);
	close(reading);
	dup2(console, STDERR_FILENO);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
		a_message_without_a_reader_is_dropped) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
