/* SPDX-License-Identifier: MIT */
/* Takes in the volume on one device, for a client. */
#ifndef ENVELOPE_ADOPT_H
#define ENVELOPE_ADOPT_H

#include "agent/agent.h"

int adopt_begin(struct agent *agent, struct varlink_call *call, json_object *params,
		const char *device, dev_t number, bool take_over, const struct reach *reach,
		struct fault *f);

#endif
