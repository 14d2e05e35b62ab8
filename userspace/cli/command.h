/* SPDX-License-Identifier: MIT */
/*
 * A command of the CLI: a noun, a verb, its options, and the function that carries it out. Help,
 * parsing and the man page's test read the same tables, so that they cannot disagree.
 *
 * A command decides nothing about clusters or keys: it passes the parameters to the agent and
 * shows the answer.
 */
#ifndef ENVELOPE_CLI_COMMAND_H
#define ENVELOPE_CLI_COMMAND_H

#include <stdbool.h>

#include "lib/base/json.h"

#define AGENT_SOCKET "/run/envelope/agent.sock"

enum option_kind {
	OPTION_STRING,	/* --name VALUE or --name=VALUE */
	OPTION_STRINGS, /* the same, any number of times: an array */
	OPTION_INTEGER, /* the same, with a number above zero */
	OPTION_BOOLEAN, /* --name or --no-name */
	OPTION_SWITCH,	/* --name */
};

/**
 * struct option_spec - one long option
 * @name: without the dashes, AWS's spelling where AWS has the option
 * @kind: how it is written
 * @placeholder: stands for the value in help texts; NULL for an option without a value
 * @parameter: the agent's parameter that takes the value; NULL when the option is for the CLI
 *	itself, which then finds it in invocation.local under @name
 * @required: the command refuses to run without it
 * @may_be_empty: '' is a value
 * @help: one line
 */
struct option_spec {
	const char *name;
	enum option_kind kind;
	const char *placeholder;
	const char *parameter;
	bool required;
	bool may_be_empty;
	const char *help;
};

struct invocation;

/**
 * struct command - one verb, or a noun that is its own verb
 * @noun: first word, "cluster"
 * @verb: second word, "create"; NULL when the noun stands alone
 * @operation: AWS's name of the operation, for error messages
 * @method: the agent's method, without the interface; NULL for a command that calls no method
 * @progress: shown during a wait for the agent, "Creating the cluster"; NULL without a method
 * @reads: changes nothing, so that an interruption leaves nothing to say
 * @summary: one line for the list of commands
 * @details: paragraphs for --help
 * @example: lines for --help, indented; the test of the help texts runs them through the parser
 * @options: ended by an entry without name; the options of every command come on top
 * @run: carries it out and returns the exit status
 */
struct command {
	const char *noun;
	const char *verb;
	const char *operation;
	const char *method;
	const char *progress;
	bool reads;
	const char *summary;
	const char *details;
	const char *example;
	const struct option_spec *options;
	int (*run)(const struct invocation *invocation);
};

/**
 * struct invocation - a command line, parsed
 * @command: what to do
 * @params: for the agent; owned
 * @local: for the CLI; owned
 * @help: only the command's help is wanted
 * @json: --output json
 * @socket: of the agent; borrowed from the command line, the environment or a constant
 */
struct invocation {
	const struct command *command;
	struct json_object *params;
	struct json_object *local;
	bool help;
	bool json;
	const char *socket;
};

/* The commands, one table for each noun, each ended by an entry without noun. */
extern const struct command cluster_commands[];
extern const struct command pool_commands[];
extern const struct command snapshot_commands[];
extern const struct command catalog_commands[];
extern const struct command header_commands[];
extern const struct command status_commands[];
extern const struct command events_commands[];
extern const struct command kms_commands[];
extern const struct command check_commands[];

#endif
