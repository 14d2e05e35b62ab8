/* SPDX-License-Identifier: MIT */
/* Takes in the volume on one device, for a client. */
#ifndef ENVELOPE_ADOPT_H
#define ENVELOPE_ADOPT_H

#include "agent/agent.h"

/* Fault of a path without a block device, with the path. */
#define ADOPT_NO_DEVICE "%.200s is not the whole path of a block device, such as /dev/vdb."

int adopt_begin(struct agent *agent, struct varlink_call *call, json_object *params,
		const char *device, bool take_over, const struct reach *reach, struct fault *f);

#endif
