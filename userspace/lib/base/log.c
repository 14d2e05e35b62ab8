// SPDX-License-Identifier: MIT
/*
 * Diagnostics to stderr.
 *
 * Must never buffer: a message is written before the call returns, in one write.
 */

#include "lib/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static struct {
	const char *name;
	bool journal;
	bool debug;
} log_state = { .name = "envelope" };

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
	log_state.journal = getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
	log_state.debug = debug && !strcmp(debug, "1");
}

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
	/* If stderr cannot be written, the message has no other place to go. */
	if (write(STDERR_FILENO, line, (size_t)head) < 0)
		return;
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
