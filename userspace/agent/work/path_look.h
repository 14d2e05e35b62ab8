/* SPDX-License-Identifier: MIT */
/*
 * Which devices the users' paths of the clusters lead to: looked up in threads, never in the
 * event loop.
 */
#ifndef ENVELOPE_PATH_LOOK_H
#define ENVELOPE_PATH_LOOK_H

#include "agent/agent.h"

/**
 * struct path_looks_end - what follows a look at all paths
 * @then: called in the event loop when each path has been looked up, or has not answered in time
 * @drop: called in its place if the agent ends before
 */
struct path_looks_end {
	void (*then)(void *data);
	void (*drop)(void *data);
};

void path_looks(struct agent *agent, const struct path_looks_end *end, void *data);

#endif
