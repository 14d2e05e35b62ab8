/* SPDX-License-Identifier: MIT */
/*
 * Calls to the agent, with a line on the terminal during a long wait.
 *
 * Must never retry a call that changes something: the user decides.
 */
#ifndef ENVELOPE_CLI_AGENT_CLIENT_H
#define ENVELOPE_CLI_AGENT_CLIENT_H

#include "cli/command.h"
#include "lib/base/fault.h"
#include "lib/varlink/varlink.h"

int agent_call(const struct invocation *invocation, struct json_object **reply, struct fault *f);
int agent_stream(const struct invocation *invocation, varlink_each_t each, void *userdata,
		 struct fault *f);

#endif
