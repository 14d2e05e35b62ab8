/* SPDX-License-Identifier: MIT */
/* Calls of Status and Events: answered once, or again and again (`more`). */
#ifndef ENVELOPE_SUBSCRIPTIONS_H
#define ENVELOPE_SUBSCRIPTIONS_H

#include "agent/agent.h"

#define STREAMS_EVENTS_MAX 1000

int subscriptions_status(struct agent *agent, struct varlink_call *call, const char *id);
int subscriptions_events(struct agent *agent, struct varlink_call *call, const char *since,
			 size_t limit, bool follow);
bool subscriptions_changed(struct agent *agent);
void subscriptions_looked(struct agent *agent);
void subscriptions_recorded(json_object *record, void *userdata);
void subscriptions_close(struct agent *agent);

#endif
