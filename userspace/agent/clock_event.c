// SPDX-License-Identifier: MIT
/*
 * Records jumps of the wall clock. Dates of records before and after a jump cannot be compared, and
 * signatures may be refused. Must decide nothing: leases and recovery windows count CLOCK_BOOTTIME.
 */
#include "agent/clock_event.h"

#include <string.h>

#include "lib/base/clock_jump.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

static void jumped(int64_t from, int64_t to, void *userdata)
{
	struct agent *agent = userdata;
	json_object *details = clock_jump_details(from, to);

	log_warning("The wall clock jumped from %s to %s, by %lld s. Leases and recovery windows do not follow it.",
		    json_get_string(details, "from"), json_get_string(details, "to"),
		    (long long)(to - from));
	audit_service_event(agent->audit, CLOCK_JUMP_RECORD, details, NULL);
}

/** clock_event_watch() - record jumps from now on; without a watch the agent serves all the same */
void clock_event_watch(struct agent *agent)
{
	int r = clock_jump_watch(agent->event, jumped, agent, &agent->clock_jump);

	if (r < 0)
		log_warning("Jumps of the wall clock are not recorded: %s", strerror(-r));
}
