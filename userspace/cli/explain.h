/* SPDX-License-Identifier: MIT */
/*
 * Errors for people: the fault, in the style of the AWS CLI, and what to do. For scripts: JSON.
 *
 * Must never print on stdout: scripts read that.
 */
#ifndef ENVELOPE_CLI_EXPLAIN_H
#define ENVELOPE_CLI_EXPLAIN_H

#include "cli/command.h"
#include "lib/base/fault.h"

void explain_as_json(void);
int explain_fault(const struct invocation *invocation, const struct fault *f);
int explain_usage(const struct command *command, const struct fault *f);

#endif
