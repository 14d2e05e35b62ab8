// SPDX-License-Identifier: MIT
/*
 * envelope check: starts envelope-check, which looks at the host, and shows each of its lines as it
 * comes.
 *
 * Must never look at the host itself: this program links no library for keys, devices or the network.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/explain.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "lib/base/spawn.h"
#include "lib/base/text.h"

#define PROGRAM "envelope-check"

enum {
	NAME_WIDTH = 13, /* "configuration" */
	STATUS_WIDTH = 7,
	EXIT_LACKS = 7,
	LONGEST = 3600, /* seconds; the program refuses more */
};

static const struct option_spec check_options[] = {
	{ .name = "device",
	  .kind = OPTION_STRINGS,
	  .placeholder = "DEVICE",
	  .help = "also check this disk; may be given more than once (default: no disk)" },
	{ .name = "timeout",
	  .kind = OPTION_INTEGER,
	  .placeholder = "SECONDS",
	  .help = "limit of each check in seconds, 1 to 3600 (default: 30)" },
	{ 0 }
};

/* The program of the same build, or the installed one. */
static char *find_program(void)
{
	_cleanup_text_ char *self = realpath("/proc/self/exe", NULL);
	char *slash = self ? strrchr(self, '/') : NULL;
	char *path = NULL;

	if (slash)
		path = text_format("%.*s/" PROGRAM, (int)(slash - self), self);
	if (path && access(path, X_OK) == 0)
		return path;
	free(path);
	return strdup(LIBEXECDIR "/" PROGRAM);
}

/* Return: the program's output, or NULL. */
static FILE *start(const struct invocation *invocation, pid_t *pid, struct fault *f)
{
	struct json_object *devices = json_get_array(invocation->local, "device");
	size_t count = devices ? json_object_array_length(devices) : 0, n = 0;
	const char **argv = calloc(6 + 2 * count, sizeof(*argv));
	posix_spawn_file_actions_t actions;
	_cleanup_text_ char *path = find_program();
	char timeout[24];
	int ends[2], r = ENOMEM;

	if (!argv || !path) {
		free(argv);
		fault_set(f, "InternalFailure", "Out of memory.");
		return NULL;
	}
	if (pipe2(ends, O_CLOEXEC)) {
		free(argv);
		fault_set(f, "InternalFailure", "A pipe cannot be made: %s.", strerror(errno));
		return NULL;
	}
	argv[n++] = path;
	argv[n++] = "--socket";
	argv[n++] = invocation->socket;
	if (json_has(invocation->local, "timeout")) {
		snprintf(timeout, sizeof(timeout), "--timeout=%ld",
			 (long)json_get_int(invocation->local, "timeout", 0));
		argv[n++] = timeout;
	}
	for (size_t i = 0; i < count; i++) {
		argv[n++] = "--device";
		argv[n++] = json_object_get_string(json_object_array_get_idx(devices, i));
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	r = posix_spawn(pid, path, &actions, NULL, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	free(argv);
	close(ends[1]);
	if (r) {
		close(ends[0]);
		fault_set(f, "InternalFailure",
			  "%s cannot be run: %s. It is installed beside envelope-kms-worker.", path,
			  strerror(r));
		return NULL;
	}
	return fdopen(ends[0], "r");
}

/* One line for people: what, how, what was found, what to do. */
static void show(struct json_object *check)
{
	char text[2048];

	output_value(output_text(check, "Check", text, sizeof(text)), NAME_WIDTH);
	output_value(output_text(check, "Status", text, sizeof(text)), STATUS_WIDTH);
	if (json_has(check, "Device"))
		printf("%s: ", output_text(check, "Device", text, sizeof(text)));
	printf("%s", output_text(check, "Found", text, sizeof(text)));
	if (*json_get_string(check, "Advice"))
		printf(" %s", output_text(check, "Advice", text, sizeof(text)));
	printf("\n");
	output_flush();
}

static bool is_check(struct json_object *check)
{
	return json_get_string(check, "Check") && json_get_string(check, "Status") &&
	       json_get_string(check, "Found") && json_get_string(check, "Advice");
}

/* Return: the array of all lines. */
static struct json_object *read_all(FILE *output, bool print)
{
	struct json_object *checks = json_object_new_array();
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	for (;;) {
		struct json_object *check;

		progress_start("Checking");
		length = getline(&line, &size, output);
		progress_stop();
		if (length <= 0)
			break;
		check = json_parse(line, (size_t)length - 1);
		if (!is_check(check)) {
			json_object_put(check);
			continue;
		}
		if (print)
			show(check);
		json_object_array_add(checks, check);
	}
	free(line);
	return checks;
}

static int run_check(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *document = json_object_new_object();
	struct fault f = { 0 };
	int status = -1;
	FILE *output;
	pid_t pid;

	if (json_get_int(invocation->local, "timeout", 1) > LONGEST) {
		fault_set(&f, "Usage", "--timeout must be at most %d seconds.", LONGEST);
		return explain_usage(invocation->command, &f);
	}
	output = start(invocation, &pid, &f);
	if (!output)
		return explain_fault(invocation, &f);
	json_add_object(document, "Checks", read_all(output, !invocation->json));
	fclose(output);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    (WEXITSTATUS(status) && WEXITSTATUS(status) != EXIT_LACKS)) {
		fault_set(&f, "InternalFailure", PROGRAM " ended early. Its messages are above.");
		return explain_fault(invocation, &f);
	}
	if (invocation->json)
		output_json(document);
	return WEXITSTATUS(status);
}

const struct command check_commands[] = {
	{
		.noun = "check",
		.operation = "Check",
		.summary = "Check whether this host is ready for encrypted clusters",
		.details =
			"Looks at the kernel module, the crypto driver, the keyring, the configuration, the agent,\n"
			"the clock, the KMS with its credentials, the folders and the named disks. Changes nothing.\n"
			"Prints one line for each check: ok, warning or failed, what was found, what to do. A check\n"
			"that only root can make is skipped for other users. Exit status: 0 no check has failed,\n"
			"7 a check has failed. The checks are described in man envelope-check.",
		.reads = true,
		.example = "  envelope check --device /dev/vdb",
		.options = check_options,
		.run = run_check,
	},
	{ 0 }
};
