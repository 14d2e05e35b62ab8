// SPDX-License-Identifier: MIT
/*
 * Parsing of long options by table, and help texts from the same table.
 *
 * Must never accept what it does not know: a mistyped option could otherwise
 * make a plain cluster where an encrypted one was wanted.
 */

#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/nearest.h"
#include "lib/base/utf8.h"

const struct option_spec global_options[] = {
	{ .name = "output",
	  .kind = OPTION_STRING,
	  .placeholder = "text|json",
	  .help = "tables for people, or JSON for scripts (default: text)" },
	{ .name = "socket",
	  .kind = OPTION_STRING,
	  .placeholder = "PATH",
	  .help = "the agent's socket (default: $ENVELOPE_SOCKET or " AGENT_SOCKET ")" },
	{ .name = "help", .kind = OPTION_SWITCH, .help = "show this help" },
	{ 0 }
};

/**
 * struct match - the option that an argument names
 * @spec: the option
 * @negated: written as --no-NAME
 */
struct match {
	const struct option_spec *spec;
	bool negated;
};

static bool match_in(const struct option_spec *options, const char *word, size_t size,
		     struct match *match)
{
	const struct option_spec *o;

	for (o = options; o->name; o++) {
		bool negatable = o->kind == OPTION_BOOLEAN;

		if (strlen(o->name) == size && memcmp(o->name, word, size) == 0)
			*match = (struct match){ .spec = o };
		else if (negatable && size > 3 && memcmp(word, "no-", 3) == 0 &&
			 strlen(o->name) == size - 3 && memcmp(o->name, word + 3, size - 3) == 0)
			*match = (struct match){ .spec = o, .negated = true };
		else
			continue;
		return true;
	}
	return false;
}

static int unknown_option(const struct command *command, const char *argument, size_t size,
			  struct fault *f)
{
	const struct option_spec *o;
	struct nearest nearest;
	char word[128];

	snprintf(word, sizeof(word), "%.*s", (int)size, argument);
	nearest_start(&nearest, word);
	for (o = command->options; o->name; o++)
		nearest_offer(&nearest, o->name);
	for (o = global_options; o->name; o++)
		nearest_offer(&nearest, o->name);
	if (nearest.best)
		return fault_set(f, "Usage", "Unknown option --%s. Did you mean --%s?", word,
				 nearest.best);
	return fault_set(f, "Usage", "Unknown option --%s.", word);
}

static bool takes_value(const struct option_spec *o)
{
	return o->kind == OPTION_STRING || o->kind == OPTION_STRINGS || o->kind == OPTION_INTEGER;
}

static int store_integer(struct json_object *target, const struct option_spec *spec,
			 const char *key, const char *value, struct fault *f)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno || end == value || *end || number < 1)
		return fault_set(f, "Usage", "--%s must be a number above zero, not %s.",
				 spec->name, value);
	json_add_int(target, key, number);
	return 0;
}

static int store(struct invocation *invocation, const struct match *match, const char *value,
		 struct fault *f)
{
	const struct option_spec *spec = match->spec;
	struct json_object *target = spec->parameter ? invocation->params : invocation->local;
	const char *key = spec->parameter ? spec->parameter : spec->name;

	if (spec->kind == OPTION_STRINGS) {
		if (!json_has(target, key))
			json_add_object(target, key, json_object_new_array());
		json_object_array_add(json_get_array(target, key), json_object_new_string(value));
		return 0;
	}
	if (json_has(target, key))
		return fault_set(f, "Usage", "Option --%s is given twice.", spec->name);
	if (spec->kind == OPTION_INTEGER)
		return store_integer(target, spec, key, value, f);
	if (spec->kind == OPTION_STRING)
		json_add_string(target, key, value);
	else
		json_add_bool(target, key, !match->negated);
	return 0;
}

/* Parses argv[*i], and the value that follows if the option takes one. */
static int parse_one(struct invocation *invocation, int argc, char **argv, int *i, struct fault *f)
{
	const char *argument = argv[*i], *value = NULL, *equals;
	struct match match;
	size_t size;

	if (!strcmp(argument, "-h"))
		argument = "--help";
	if (strncmp(argument, "--", 2) || !argument[2])
		return fault_set(f, "Usage",
				 "Unexpected argument %s. Options start with two dashes.",
				 argument);
	argument += 2;
	equals = strchr(argument, '=');
	size = equals ? (size_t)(equals - argument) : strlen(argument);
	if (!match_in(invocation->command->options, argument, size, &match) &&
	    !match_in(global_options, argument, size, &match))
		return unknown_option(invocation->command, argument, size, f);
	if (!takes_value(match.spec)) {
		if (equals)
			return fault_set(f, "Usage", "Option --%s takes no value.",
					 match.spec->name);
	} else if (equals) {
		value = equals + 1;
	} else {
		/* an option in place of a value means that the value was forgotten */
		if (*i + 1 >= argc || !strncmp(argv[*i + 1], "--", 2))
			return fault_set(f, "Usage", "Option --%s needs a value: --%s %s.",
					 match.spec->name, match.spec->name,
					 match.spec->placeholder);
		value = argv[++*i];
	}
	if (value && !*value && !match.spec->may_be_empty)
		return fault_set(f, "Usage", "Option --%s needs a value that is not empty.",
				 match.spec->name);
	/* The agent ends a connection with anything else in a call. */
	if (value && match.spec->parameter && !utf8_valid(value, strlen(value)))
		return fault_set(f, "Usage", "Option --%s needs a value in UTF-8.",
				 match.spec->name);
	return store(invocation, &match, value, f);
}

static int check_required(const struct invocation *invocation, struct fault *f)
{
	const struct option_spec *o;
	char missing[256] = "";

	for (o = invocation->command->options; o->name; o++) {
		size_t used = strlen(missing);

		if (o->required && !json_has(o->parameter ? invocation->params : invocation->local,
					     o->parameter ? o->parameter : o->name))
			snprintf(missing + used, sizeof(missing) - used, "%s--%s", used ? ", " : "",
				 o->name);
	}
	if (*missing)
		return fault_set(f, "Usage", "The following options are required: %s.", missing);
	return 0;
}

static int apply_globals(struct invocation *invocation, struct fault *f)
{
	const char *output = json_get_string(invocation->local, "output");
	const char *path = json_get_string(invocation->local, "socket");

	if (output && strcmp(output, "json") && strcmp(output, "text"))
		return fault_set(f, "Usage", "--output must be text or json, not %s.", output);
	invocation->json = output && !strcmp(output, "json");
	if (!path)
		path = getenv("ENVELOPE_SOCKET");
	invocation->socket = path && *path ? path : AGENT_SOCKET;
	return 0;
}

/**
 * options_ask_json() - does the command line ask for JSON, whatever else is wrong with it?
 *
 * Errors in the rest of the command line are printed in the form that it asks for.
 */
bool options_ask_json(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--output=json") ||
		    (!strcmp(argv[i], "--output") && i + 1 < argc && !strcmp(argv[i + 1], "json")))
			return true;
	return false;
}

/**
 * options_parse() - read the arguments that follow a command's words
 * @command: gives the options
 * @argc: number of arguments
 * @argv: the arguments; must outlive @ret
 * @ret: filled in any case; release with options_release()
 * @f: Usage, with what is wrong
 *
 * --help wins over everything else that may be wrong with the command line.
 *
 * Return: 0 or -1.
 */
int options_parse(const struct command *command, int argc, char **argv, struct invocation *ret,
		  struct fault *f)
{
	int i;

	*ret = (struct invocation){
		.command = command,
		.params = json_object_new_object(),
		.local = json_object_new_object(),
	};
	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h") ||
		    (i == 0 && !strcmp(argv[i], "help"))) {
			ret->help = true;
			return 0;
		}
	}
	for (i = 0; i < argc; i++)
		if (parse_one(ret, argc, argv, &i, f) < 0)
			return -1;
	if (check_required(ret, f) < 0)
		return -1;
	return apply_globals(ret, f);
}

/** options_release() - free what options_parse() filled in */
void options_release(struct invocation *invocation)
{
	json_object_put(invocation->params);
	json_object_put(invocation->local);
}

static void describe(const struct option_spec *o)
{
	char text[96];

	if (takes_value(o))
		snprintf(text, sizeof(text), "--%s %s", o->name, o->placeholder);
	else if (o->kind == OPTION_BOOLEAN)
		snprintf(text, sizeof(text), "--%s | --no-%s", o->name, o->name);
	else
		snprintf(text, sizeof(text), "--%s", o->name);
	printf("  %s\n        %s%s\n", text, o->help, o->required ? " (required)" : "");
}

/** options_help() - print usage, explanation and options of @command on stdout */
void options_help(const struct command *command)
{
	const struct option_spec *o;

	printf("usage: envelope %s%s%s", command->noun, command->verb ? " " : "",
	       command->verb ? command->verb : "");
	for (o = command->options; o->name; o++)
		if (o->required)
			printf(" --%s %s", o->name, o->placeholder);
	printf(" [options]\n\n%s.\n", command->summary);
	if (command->details)
		printf("\n%s\n", command->details);
	printf("\nOptions:\n");
	for (o = command->options; o->name; o++)
		describe(o);
	for (o = global_options; o->name; o++)
		describe(o);
	printf("\nExample:\n%s\n"
	       "\nExit status: 0 done, 1 failure, 2 usage, 3 not found, 4 denied, 5 unreachable, 6 state,\n"
	       "7 host. All commands, options and exit statuses: man envelope\n",
	       command->example);
}
