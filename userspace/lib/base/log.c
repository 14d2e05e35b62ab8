// SPDX-License-Identifier: MIT
/*
 * Diagnostics to stderr, each line in one write. A line is written before the call returns, unless its
 * reader has no room for it and the program has called log_from_thread().
 */

#include "lib/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/base/outbox.h"

static struct {
	const char *name;
	bool journal;
	bool debug;
	bool drop_unread;
} log_state = { .name = "envelope" };

/*
 * JOURNAL_STREAM is inherited, so it counts only if it names what stderr is: sd-daemon(3),
 * systemd.exec(5).
 */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

/**
 * log_init() - name the program in messages
 * @name: kept, not copied
 *
 * Lines get a priority prefix if stderr is connected to the journal, else the program's name.
 * ENVELOPE_DEBUG=1 in the environment turns log_debug() on.
 */
void log_init(const char *name)
{
	const char *debug = getenv("ENVELOPE_DEBUG");

	log_state.name = name;
	log_state.journal = is_journal();
	log_state.debug = debug && !strcmp(debug, "1");
}

/**
 * log_to_journal() - send messages to a stream of the journal
 * @stream: of sd_journal_stream_fd(), with priorities; closed
 *
 * Return: 0, or -1: messages go where they went before.
 */
int log_to_journal(const char *name, int stream)
{
	int r = dup2(stream, STDERR_FILENO);

	if (stream != STDERR_FILENO)
		close(stream);
	if (r < 0)
		return -1;
	log_init(name);
	log_state.journal = true;
	return 0;
}

static void write_line(const char *line, size_t size)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	/* A pipe or socket that is ready has room for a line. */
	if (log_state.drop_unread && poll(&out, 1, 0) == 0)
		return;
	/* If stderr cannot be written, the message has no other place to go. */
	if (write(STDERR_FILENO, line, size) < 0)
		return;
}

/* To a socket or a pipe that has room. Other programs write to it too, so a socket is not believed. */
static bool write_ready(const char *line, size_t size)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != ENOTSOCK)
		return errno != EAGAIN;
	if (poll(&out, 1, 0) == 0)
		return false;
	write_line(line, size);
	return true;
}

static struct outbox_reader stderr_reader = { .deliver = write_line, .attempt = write_ready };

static void log_line(int priority, const char *fmt, va_list ap)
{
	char line[2048];
	int head, body;

	if (log_state.journal)
		head = snprintf(line, sizeof(line), "<%d>", priority);
	else
		head = snprintf(line, sizeof(line), "%s: ", log_state.name);
	body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	if (body < 0)
		return;
	head = (int)strlen(line);
	line[head++] = '\n';
	outbox_put(&stderr_reader, line, (size_t)head);
}

#define LOG_FUNCTION(function, priority)     \
	void function(const char *fmt, ...)  \
	{                                    \
		va_list ap;                  \
                                             \
		va_start(ap, fmt);           \
		log_line(priority, fmt, ap); \
		va_end(ap);                  \
	}

LOG_FUNCTION(log_error, LOG_ERR)
LOG_FUNCTION(log_warning, LOG_WARNING)
LOG_FUNCTION(log_info, LOG_INFO)

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!log_state.debug)
		return;
	va_start(ap, fmt);
	log_line(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

static void say_missing(unsigned int count)
{
	log_warning("%u messages are missing here: nobody read them in time.", count);
}

/**
 * log_from_thread() - write messages from a thread from now on
 *
 * For a daemon whose event loop must not wait for the reader of its messages. The end of the program
 * waits for the last messages. To be called once.
 */
void log_from_thread(void)
{
	struct stat st;
	int r;

	if (!fstat(STDERR_FILENO, &st) && S_ISREG(st.st_mode))
		stderr_reader = (struct outbox_reader){ .deliver = write_line, .is_file = true };
	r = outbox_start(say_missing);
	if (r)
		log_warning("Messages are written by the event loop, which may have to wait for their reader: there is no thread: %s.",
			    strerror(r));
	else
		atexit(outbox_flush);
}

/**
 * log_drop_unread() - from now on, drop a message that would have to wait for its reader
 *
 * For a program that must end in time, and runs without threads.
 */
void log_drop_unread(void)
{
	log_state.drop_unread = true;
}
