// SPDX-License-Identifier: MIT
/*
 * Calls to the agent. After two seconds a line on the terminal shows that the program waits. A
 * timer's signal prints the line, since the call itself blocks. If a call that changes something
 * is interrupted, a line states what happens next: the agent does not stop halfway, since the
 * result would then be unknown.
 *
 * Must never retry a call that changes something: the user decides.
 */

#include "cli/agent_client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define INTERFACE "io.dmenvelope.Cluster."

enum {
	QUIET_SECONDS = 2,	  /* before the first line */
	CALL_TIMEOUT_MS = 180000, /* the agent bounds each KMS call far below this */
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

static void progress_start(const char *what)
{
	struct sigaction action = { .sa_handler = progress_tick, .sa_flags = SA_RESTART };
	struct itimerval timer = {
		.it_value.tv_sec = QUIET_SECONDS,
		.it_interval.tv_sec = 1,
	};

	if (!what || !isatty(STDERR_FILENO))
		return;
	snprintf(progress_text, sizeof(progress_text), "%s, waiting for the agent ... ", what);
	progress_seconds = QUIET_SECONDS;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void progress_stop(void)
{
	struct itimerval off = { 0 };

	setitimer(ITIMER_REAL, &off, NULL);
	if (progress_seconds > QUIET_SECONDS)
		fprintf(stderr, "\r%*s\r", (int)strlen(progress_text) + 8, "");
	progress_seconds = 0;
}

/* Text that is printed before a signal ends the program; for the signal handler alone. */
static char farewell[256];

/* Only write(2) is safe here. The signal then ends the program, so that a shell sees it too. */
static void on_interrupt(int signal_number)
{
	ssize_t written = write(STDERR_FILENO, farewell, strlen(farewell));

	(void)written;
	raise(signal_number);
}

/* Handles SIGINT and SIGTERM, unless the program started with them ignored, or restores them. */
static void handle_interrupts(bool take)
{
	struct sigaction ours = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND };
	struct sigaction usual = { .sa_handler = SIG_DFL }, now;
	static const int numbers[] = { SIGINT, SIGTERM };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		sigaction(numbers[i], NULL, &now);
		if (now.sa_handler != SIG_IGN)
			sigaction(numbers[i], take ? &ours : &usual, NULL);
	}
}

/* @asked: the agent may have the call by now. Read-only calls print nothing when interrupted. */
static void say_on_interrupt(const struct invocation *invocation, bool asked)
{
	const char *name = json_get_string(invocation->params, "dbClusterIdentifier");
	const char *line = isatty(STDERR_FILENO) ? "\n" : ""; /* the terminal has shown ^C */

	if (!invocation->command->progress)
		return;
	handle_interrupts(false);
	if (asked)
		snprintf(farewell, sizeof(farewell),
			 "%senvelope: Interrupted. The agent finishes what it has begun. See: envelope cluster describe%s%.63s\n",
			 line, name ? " --db-cluster-identifier " : "", name ? name : "");
	else
		snprintf(farewell, sizeof(farewell),
			 "%senvelope: Interrupted before the agent was called. Nothing is changed.\n",
			 line);
	handle_interrupts(true);
}

static void method_name(const struct invocation *invocation, char *name, size_t size)
{
	snprintf(name, size, INTERFACE "%s", invocation->command->method);
}

/**
 * agent_call() - call the command's method with its parameters and wait for the answer
 * @invocation: what to call, and where
 * @reply: the answer, owned by the caller
 * @f: the agent's fault, or why it could not be reached
 *
 * Return: 0 or -1.
 */
int agent_call(const struct invocation *invocation, struct json_object **reply, struct fault *f)
{
	_cleanup_varlink_ struct varlink_client *client = NULL;
	char method[128];
	int r;

	say_on_interrupt(invocation, false);
	if (varlink_connect(invocation->socket, &client, f) < 0)
		return -1;
	say_on_interrupt(invocation, true);
	varlink_client_timeout(client, CALL_TIMEOUT_MS);
	method_name(invocation, method, sizeof(method));
	progress_start(invocation->command->progress);
	r = varlink_call(client, method, invocation->params, reply, f);
	progress_stop();
	handle_interrupts(false);
	return r;
}

/**
 * agent_stream() - call the command's method and see each of its answers as it comes
 * @invocation: what to call, and where
 * @each: gets each answer; non-zero ends the call
 * @userdata: for @each
 * @f: the agent's fault, or why it could not be reached
 *
 * Waits without limit: the next change may be days away.
 *
 * Return: 0 after the last answer, what @each returned, or -1 with a fault.
 */
int agent_stream(const struct invocation *invocation, varlink_each_t each, void *userdata,
		 struct fault *f)
{
	_cleanup_varlink_ struct varlink_client *client = NULL;
	char method[128];

	if (varlink_connect(invocation->socket, &client, f) < 0)
		return -1;
	method_name(invocation, method, sizeof(method));
	return varlink_call_more(client, method, invocation->params, each, userdata, f);
}
