// SPDX-License-Identifier: MIT
/*
 * A program that drops messages without a reader does not wait in write(2). A line has a priority for the
 * journal only if it goes there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/log.h"

static unsigned int written;
static char line[64];

/* Only log.c calls it. */
ssize_t write(int fd, const void *data, size_t size)
{
	written++;
	snprintf(line, sizeof(line), "%.*s", (int)size, (const char *)data);
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

	written = 0;
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

/* JOURNAL_STREAM names the inode that is stderr, moved by @other. Returns the line of a message. */
static const char *line_with_journal_at(ino_t other)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)(st.st_ino + other));
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("program");
	log_warning("text");
	unsetenv("JOURNAL_STREAM");
	log_init("program");
	return line;
}

static void a_priority_is_for_the_journal_alone(void **state)
{
	int console = dup(STDERR_FILENO), reading = pipe_as_stderr(false);

	assert_string_equal(line_with_journal_at(0), "<4>text\n");
	/* A shell in a service has sent the program's stderr to a file. */
	assert_string_equal(line_with_journal_at(1), "program: text\n");
	close(reading);
	dup2(console, STDERR_FILENO);
}

static void a_stream_of_the_journal_takes_priorities(void **state)
{
	int console = dup(STDERR_FILENO), reading = pipe_as_stderr(false);

	assert_int_equal(log_to_journal("program", dup(STDERR_FILENO)), 0);
	log_error("text");
	assert_string_equal(line, "<3>text\n");
	log_init("program");
	close(reading);
	dup2(console, STDERR_FILENO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_priority_is_for_the_journal_alone),
		cmocka_unit_test(a_stream_of_the_journal_takes_priorities),
		cmocka_unit_test(a_message_without_a_reader_is_dropped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
