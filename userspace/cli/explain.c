// SPDX-License-Identifier: MIT
/*
 * Errors for people: the fault, in the style of the AWS CLI, and what to do. For scripts: the fault as
 * one line of JSON.
 *
 * Must never print on stdout: scripts read that.
 */

#include "cli/explain.h"

#include <stdio.h>
#include <string.h>

#include "cli/hint.h"

static bool as_json;

/** explain_as_json() - print errors as JSON from now on */
void explain_as_json(void)
{
	as_json = true;
}

/*
 * AWS's form of an error. The message may repeat an argument, which is any bytes: without the bytes of
 * other characters than ASCII it is valid JSON in any case.
 */
static void print_json(const struct fault *f)
{
	for (bool ascii = false;; ascii = true) {
		_cleanup_json_ struct json_object *error = json_object_new_object(), *read = NULL;
		struct fault shown = *f;
		const char *text;

		for (char *c = shown.message; ascii && *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
		json_add_string(error, "__type", shown.code);
		json_add_string(error, "message", shown.message);
		text = json_object_to_json_string_ext(error,
						      JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
		read = json_parse(text, strlen(text));
		if (!read && !ascii)
			continue;
		fprintf(stderr, "%s\n", text);
		return;
	}
}

/**
 * explain_fault() - print the agent's fault, or the reason why the agent did not answer
 * @invocation: the command that failed
 * @f: the fault
 *
 * Return: the exit status for @f.
 */
int explain_fault(const struct invocation *invocation, const struct fault *f)
{
	char text[768];
	const char *hint = hint_for(invocation, f, text, sizeof(text));

	if (as_json) {
		print_json(f);
		return fault_exit_code(f->code);
	}
	fprintf(stderr, "\nAn error occurred (%s) when calling the %s operation: %s\n", f->code,
		invocation->command->operation, f->message);
	if (hint)
		fprintf(stderr, "hint: %s\n", hint);
	return fault_exit_code(f->code);
}

/**
 * explain_usage() - print what is wrong with a command line, or with the output
 * @command: the command, NULL when the command is unknown
 * @f: the fault
 *
 * Return: the exit status for @f.
 */
int explain_usage(const struct command *command, const struct fault *f)
{
	if (as_json) {
		print_json(f);
		return fault_exit_code(f->code);
	}
	fprintf(stderr, "envelope: error: %s\n", f->message);
	if (strcmp(f->code, "Usage"))
		return fault_exit_code(f->code);
	if (!command)
		fprintf(stderr, "hint: envelope --help lists the commands.\n");
	else
		fprintf(stderr, "hint: envelope %s%s%s --help explains the options.\n",
			command->noun, command->verb ? " " : "",
			command->verb ? command->verb : "");
	return fault_exit_code(f->code);
}
