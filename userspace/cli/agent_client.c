// SPDX-License-Identifier: MIT
/*
 * Calls to the agent. After two seconds a line on the terminal shows that the program waits. If a
 * call that changes something is interrupted, a line states what happens next: the agent does not
 * stop halfway, since the result would then be unknown.
 *
 * Must never retry a call that changes something: the user decides.
 */

#include "cli/agent_client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/progress.h"

#define INTERFACE "io.dmenvelope.Cluster."

enum {
	CALL_TIMEOUT_MS = 180000, /* the agent bounds each KMS call far below this */
};

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

	if (invocation->command->reads)
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

static void start_progress(const struct invocation *invocation)
{
	char text[96];

	snprintf(text, sizeof(text), "%s, waiting for the agent", invocation->command->progress);
	progress_start(text);
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
	start_progress(invocation);
	r = varlink_call(client, method, invocation->params, reply, f);
	progress_stop();
	handle_interrupts(false);
	return r;
}

struct stream {
	varlink_each_t each;
	void *userdata;
};

/* The wait for the first answer is long; a wait for a change may be, and is no trouble. */
static int on_answer(struct json_object *answer, void *userdata)
{
	struct stream *stream = userdata;

	int r;

	progress_stop();
	r = stream->each(answer, stream->userdata);
	/* main() says why. Nobody would read what follows. */
	return r == 0 && output_flush() < 0 ? fault_exit_code("InternalFailure") : r;
}

/**
 * agent_stream() - call the command's method and see each of its answers as it comes
 * @invocation: what to call, and where
 * @each: gets each answer, and prints it; non-zero ends the call
 * @userdata: for @each
 * @f: the agent's fault, or why it could not be reached
 *
 * Waits without limit: the next change may be days away. Ends when the output cannot be written.
 *
 * Return: 0 after the last answer, what @each returned, or -1 with a fault.
 */
int agent_stream(const struct invocation *invocation, varlink_each_t each, void *userdata,
		 struct fault *f)
{
	_cleanup_varlink_ struct varlink_client *client = NULL;
	struct stream stream = { .each = each, .userdata = userdata };
	char method[128];
	int r;

	if (varlink_connect(invocation->socket, &client, f) < 0)
		return -1;
	method_name(invocation, method, sizeof(method));
	start_progress(invocation);
	r = varlink_call_more(client, method, invocation->params, on_answer, &stream, f);
	progress_stop();
	return r;
}
