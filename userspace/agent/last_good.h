/* SPDX-License-Identifier: MIT */
/*
 * A copy of the configuration with which the agent last served, for a start with a configuration that
 * has a fault. It holds no secret: credentials are in a file of their own.
 */
#ifndef ENVELOPE_AGENT_LAST_GOOD_H
#define ENVELOPE_AGENT_LAST_GOOD_H

#include "lib/base/config.h"

#define LAST_GOOD "agent.conf.good"

char *last_good_path(void);
void last_good_keep(const struct config *config);
int last_good_check(const struct config *good, const struct config *next, struct fault *f);

#endif
