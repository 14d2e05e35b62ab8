/* SPDX-License-Identifier: MIT */
/* Snapshots of clusters are removed. */
#ifndef ENVELOPE_SNAPSHOT_REMOVAL_H
#define ENVELOPE_SNAPSHOT_REMOVAL_H

#include "agent/agent.h"
#include "agent/catalog/snapshots.h"

int snapshot_delete(struct agent *agent, struct varlink_call *call, json_object *params,
		    struct fault *f);
void snapshot_forget(struct agent *agent, struct snapshot *snapshot);
void snapshot_resume(struct agent *agent);
void snapshot_sweep(struct agent *agent);

#endif
