/* SPDX-License-Identifier: MIT */
/*
 * The configuration that the agent starts with: that of the file, or the last good one in its place, or
 * what can be used of the file.
 *
 * Must never keep the agent from starting for a fault in the configuration: devices count down.
 */
#ifndef ENVELOPE_AGENT_FIRST_CONFIG_H
#define ENVELOPE_AGENT_FIRST_CONFIG_H

#include "agent/agent.h"

int first_config_load(struct agent *agent, struct fault *f);
int first_config_check(const struct config *next, struct fault *f);
int first_config_instead(struct agent *agent, bool good, const struct fault *why);
int first_config_fits(struct agent *agent, struct fault *f);
void first_config_watch(struct agent *agent);

#endif
