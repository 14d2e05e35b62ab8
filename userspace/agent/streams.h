/* SPDX-License-Identifier: MIT */
/* Calls of Status and Events: answered once, or again and again (`more`). */
#ifndef ENVELOPE_STREAMS_H
#define ENVELOPE_STREAMS_H

#include "agent.h"

#define STREAMS_EVENTS_MAX 1000

int streams_status(struct agent *agent, struct varlink_call *call, const char *id);
int streams_events(struct agent *agent, struct varlink_call *call, const char *since, size_t limit,
		   bool follow);
void streams_changed(struct agent *agent);
void streams_looked(struct agent *agent);
void streams_recorded(json_object *record, void *userdata);
void streams_close(struct agent *agent);

#endif
