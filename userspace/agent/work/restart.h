/* SPDX-License-Identifier: MIT */
/*
 * Starts clusters again whose lease ended because nobody answered, or whose disk was not there.
 */
#ifndef ENVELOPE_RESTART_H
#define ENVELOPE_RESTART_H

#include "agent/agent.h"

/** typedef restart_then_t - the method of a call that waits for the end of a start; @agent: the agent */
typedef int (*restart_then_t)(struct varlink_call *call, json_object *params, void *agent);

bool restart_give_up(struct cluster *cluster, struct varlink_call *call, json_object *params,
		     restart_then_t then, bool stays);
void restart_abandon(struct cluster *cluster);
void restart_check(struct cluster *cluster);
void restart_disk_found(struct cluster *cluster);

#endif
