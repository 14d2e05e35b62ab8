/* SPDX-License-Identifier: MIT */
/*
 * The configuration of the running agent: checked before it counts, and read anew on SIGHUP.
 *
 * Must never end the agent or a lease for a fault in a new configuration: the old one stays in force.
 */
#ifndef ENVELOPE_AGENT_RELOAD_H
#define ENVELOPE_AGENT_RELOAD_H

#include "agent/agent.h"

int reload_on_hangup(struct agent *agent, struct fault *f);
void reload_forget(struct agent *agent);

#endif
