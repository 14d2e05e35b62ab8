// SPDX-License-Identifier: MIT
/*
 * envelope: the command line of dm-envelope. Finds the command that the first
 * words name, parses its options and runs it.
 *
 * The program holds no privileges and no keys: it can only call the agent.
 */

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/explain.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/output.h"
#include "lib/base/standard_files.h"

static const struct command *const nouns[] = {
	cluster_commands, pool_commands,   snapshot_commands, catalog_commands, header_commands,
	status_commands,  events_commands, check_commands,    kms_commands,
};

#define NOUNS (sizeof(nouns) / sizeof(nouns[0]))

/* Lists the commands of @noun, or all of them. */
static void list_commands(const struct command *noun)
{
	const struct command *c;
	char words[64];
	size_t i;

	for (i = 0; i < NOUNS; i++) {
		if (noun && nouns[i] != noun)
			continue;
		for (c = nouns[i]; c->noun; c++) {
			snprintf(words, sizeof(words), "%s%s%s", c->noun, c->verb ? " " : "",
				 c->verb ? c->verb : "");
			printf("  %-20s %s\n", words, c->summary);
		}
	}
}

static void usage(void)
{
	printf("usage: envelope <command> [options]\n"
	       "\n"
	       "Transparent encryption of database cluster volumes, with a KMS in charge.\n"
	       "\n"
	       "Commands:\n");
	list_commands(NULL);
	printf("\n"
	       "Each command has --help. envelope --version prints the version.\n"
	       "\n"
	       "Exit status: 0 done, 1 failure, 2 wrong usage or parameters, 3 not found,\n"
	       "4 access or key denied, 5 agent or KMS not reachable, 6 wrong state,\n"
	       "7 the host lacks something, such as the kernel module. A command that is interrupted\n"
	       "(130 in the shell) prints what happens next: the agent finishes an operation that has begun.\n");
}

static const struct command *find_noun(const char *word, struct fault *f)
{
	struct nearest nearest;
	size_t i;

	nearest_start(&nearest, word);
	for (i = 0; i < NOUNS; i++) {
		if (!strcmp(nouns[i]->noun, word))
			return nouns[i];
		nearest_offer(&nearest, nouns[i]->noun);
	}
	if (nearest.best)
		fault_set(f, "Usage", "Unknown command %s. Did you mean %s?", word, nearest.best);
	else
		fault_set(f, "Usage", "Unknown command %s.", word);
	return NULL;
}

static const struct command *find_verb(const struct command *noun, const char *word,
				       struct fault *f)
{
	const struct command *c;
	struct nearest nearest;

	nearest_start(&nearest, word);
	for (c = noun; c->noun; c++) {
		if (!strcmp(c->verb, word))
			return c;
		nearest_offer(&nearest, c->verb);
	}
	if (noun == kms_commands)
		fault_set(f, "Usage",
			  "Unknown command kms %s. Manage keys with the AWS CLI: envelope kms help shows how.",
			  word);
	else if (nearest.best)
		fault_set(f, "Usage", "Unknown command %s %s. Did you mean %s %s?", noun->noun,
			  word, noun->noun, nearest.best);
	else
		fault_set(f, "Usage", "Unknown command %s %s.", noun->noun, word);
	return NULL;
}

static bool asks_help(const char *word)
{
	return !strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int run(const struct command *command, int argc, char **argv)
{
	struct invocation invocation;
	struct fault f;
	int status;

	if (options_parse(command, argc, argv, &invocation, &f) < 0) {
		status = explain_usage(command, &f);
	} else if (invocation.help) {
		options_help(command);
		status = 0;
	} else {
		status = command->run(&invocation);
	}
	options_release(&invocation);
	return status;
}

static int dispatch(int argc, char **argv)
{
	const struct command *command;
	struct fault f;

	if (argc < 2) {
		fault_set(&f, "Usage", "A command is needed.");
		return explain_usage(NULL, &f);
	}
	if (asks_help(argv[1])) {
		usage();
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("envelope " ENVELOPE_VERSION);
		return 0;
	}
	command = find_noun(argv[1], &f);
	if (!command)
		return explain_usage(NULL, &f);
	if (!command->verb)
		return run(command, argc - 2, argv + 2);
	if (argc < 3) {
		fault_set(&f, "Usage", "%s needs a second word, such as: envelope %s %s", argv[1],
			  argv[1], command->verb);
		return explain_usage(NULL, &f);
	}
	/* "kms help" is a command of its own; the other nouns list theirs */
	if (asks_help(argv[2]) && strcmp(command->verb, "help")) {
		printf("usage: envelope %s <command> [options]\n\nCommands:\n", command->noun);
		list_commands(command);
		return 0;
	}
	command = find_verb(command, asks_help(argv[2]) ? "help" : argv[2], &f);
	if (!command)
		return explain_usage(NULL, &f);
	return run(command, argc - 3, argv + 3);
}

int main(int argc, char **argv)
{
	struct fault f;
	int status, r;

	standard_files_hold();
	if (options_ask_json(argc, argv))
		explain_as_json();
	status = dispatch(argc, argv);
	r = output_flush();
	if (r == 0)
		return status;
	fault_set(&f, "InternalFailure", "The output cannot be written: %s.", strerror(-r));
	return explain_usage(NULL, &f);
}
