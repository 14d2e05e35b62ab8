/* SPDX-License-Identifier: MIT */
/*
 * From argv to an invocation, and the help text of a command.
 *
 * Must never accept what it does not know: a mistyped option could otherwise
 * make a plain cluster where an encrypted one was wanted.
 */
#ifndef ENVELOPE_CLI_OPTIONS_H
#define ENVELOPE_CLI_OPTIONS_H

#include "cli/command.h"
#include "lib/base/fault.h"

extern const struct option_spec global_options[];

bool options_ask_json(int argc, char **argv);
int options_parse(const struct command *command, int argc, char **argv, struct invocation *ret,
		  struct fault *f);
void options_release(struct invocation *invocation);
void options_help(const struct command *command);

#endif
