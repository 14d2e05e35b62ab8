/* SPDX-License-Identifier: MIT */
/*
 * Looks at the pools: how full they are, how long their volumes are, and whether a volume is left whose
 * cluster has gone.
 */
#ifndef ENVELOPE_POOL_LOOK_H
#define ENVELOPE_POOL_LOOK_H

#include "agent/agent.h"
#include "lib/varlink/varlink.h"

void pool_look_soon(struct agent *agent);
int pool_look_answer(struct agent *agent, struct varlink_call *call, const char *name,
		     struct fault *f);
void pool_look_stop(struct agent *agent);

#endif
