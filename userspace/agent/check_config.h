/* SPDX-License-Identifier: MIT */
/* --check-config: would the configuration be good for the agent? Changes nothing. */
#ifndef ENVELOPE_AGENT_CHECK_CONFIG_H
#define ENVELOPE_AGENT_CHECK_CONFIG_H

#include <stdbool.h>

int check_config(const char *path, bool call);

#endif
