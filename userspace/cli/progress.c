// SPDX-License-Identifier: MIT
/*
 * A timer's signal prints the line, since the wait itself blocks. See progress.h.
 */
#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	QUIET_SECONDS = 2, /* before the first line */
};

/* Text of the line and seconds waited, for the signal handler alone while the timer runs. */
static char progress_text[96];
static unsigned int progress_seconds;

/* Only write(2) is safe here. */
static void progress_tick(int signal_number)
{
	char line[sizeof(progress_text) + 32], digits[12];
	size_t n = 0, d = 0, i;
	unsigned int seconds = progress_seconds++;
	ssize_t written;

	line[n++] = '\r';
	for (i = 0; progress_text[i]; i++)
		line[n++] = progress_text[i];
	do {
		digits[d++] = (char)('0' + seconds % 10);
		seconds /= 10;
	} while (seconds);
	while (d)
		line[n++] = digits[--d];
	line[n++] = 's';
	written = write(STDERR_FILENO, line, n);
	(void)written;
}

/**
 * progress_start() - show after two seconds, and then each second, how long the program has waited
 * @what: it does; copied
 */
void progress_start(const char *what)
{
	struct sigaction action = { .sa_handler = progress_tick, .sa_flags = SA_RESTART };
	struct itimerval timer = {
		.it_value.tv_sec = QUIET_SECONDS,
		.it_interval.tv_sec = 1,
	};

	if (!isatty(STDERR_FILENO))
		return;
	snprintf(progress_text, sizeof(progress_text), "%s ... ", what);
	progress_seconds = QUIET_SECONDS;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/** progress_stop() - the wait is over: the line goes, if there is one. May be called again */
void progress_stop(void)
{
	struct itimerval off = { 0 };

	setitimer(ITIMER_REAL, &off, NULL);
	if (progress_seconds > QUIET_SECONDS)
		fprintf(stderr, "\r%*s\r", (int)strlen(progress_text) + 8, "");
	progress_seconds = 0;
}
