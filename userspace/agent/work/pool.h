/* SPDX-License-Identifier: MIT */
/*
 * Work on pools: make one, remove one, look at all. A pool has at most one work at a time for a client;
 * all of it runs in the lane DEVICE_LANE_POOLS.
 */
#ifndef ENVELOPE_WORK_POOL_H
#define ENVELOPE_WORK_POOL_H

#include "agent/agent.h"
#include "agent/catalog/pools.h"
#include "lib/varlink/varlink.h"

int pool_create(struct agent *agent, struct varlink_call *call, json_object *params,
		struct fault *f);
int pool_delete(struct agent *agent, struct varlink_call *call, json_object *params,
		struct fault *f);
void pool_resume(struct agent *agent);

#endif
