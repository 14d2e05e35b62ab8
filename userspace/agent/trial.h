/* SPDX-License-Identifier: MIT */
/*
 * The question to the KMS of a new configuration, or of a cluster's new profile and endpoint, before
 * they count: would it give the keys of the live clusters, to the principal that will ask for them?
 *
 * Must never touch a cluster: the answer judges the configuration, and no refusal ends a lease.
 */
#ifndef ENVELOPE_AGENT_TRIAL_H
#define ENVELOPE_AGENT_TRIAL_H

#include "agent/agent.h"

/**
 * typedef trial_done_t - called once, from the event loop, unless trial_drop() comes first
 * @next: owned by the callee
 * @f: why the configuration must not count; an empty code if it may
 */
typedef void (*trial_done_t)(struct agent *agent, struct config *next, const struct fault *f);

/**
 * struct trial_of_way - what becomes of the question about one cluster; one of both is called, once
 * @done: from the event loop. @f: why the profile and the endpoint must not count; an empty code if they
 *	may
 * @drop: the agent ends
 */
struct trial_of_way {
	void (*done)(void *userdata, const struct fault *f);
	void (*drop)(void *userdata);
};

int trial_begin(struct agent *agent, const struct config *next, trial_done_t done, struct fault *f);
void trial_drop(struct agent *agent);
int trial_of_way(const struct cluster *cluster, const struct reach *reach,
		 const struct trial_of_way *way, void *userdata, struct fault *f);

#endif
