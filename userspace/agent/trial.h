/* SPDX-License-Identifier: MIT */
/*
 * The question to the KMS of a new configuration, before it counts: would it give the keys of the live
 * clusters, to the principal that will ask for them?
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

int trial_begin(struct agent *agent, const struct config *next, trial_done_t done, struct fault *f);
void trial_drop(struct agent *agent);

#endif
