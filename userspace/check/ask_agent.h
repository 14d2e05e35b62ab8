/* SPDX-License-Identifier: MIT */
/* Calls to the agent that change nothing. */
#ifndef ENVELOPE_CHECK_ASK_AGENT_H
#define ENVELOPE_CHECK_ASK_AGENT_H

#include <json-c/json.h>

#include "check/check.h"
#include "lib/base/fault.h"

#define AGENT_INTERFACE "io.dmenvelope.Cluster."

int ask_agent(const struct settings *settings, const char *method, struct json_object **reply,
	      struct fault *f);

#endif
