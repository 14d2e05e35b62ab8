// SPDX-License-Identifier: MIT
/* See look_pace.h. */
#include "agent/volume/look_pace.h"

/**
 * look_pace_event() - there was an event
 * @now_ns: never less than at the event before it
 * @due: a look is due already, and will see what the event is about
 *
 * Return: nanoseconds from now to a look; 0 if a look is due already.
 */
uint64_t look_pace_event(struct look_pace *pace, uint64_t now_ns, bool due)
{
	bool first = !pace->delay_ns || now_ns - pace->event_ns >= LOOK_PACE_QUIET_NS;

	pace->event_ns = now_ns;
	if (due)
		return 0;
	pace->delay_ns = first ? LOOK_PACE_FIRST_NS : 2 * pace->delay_ns;
	if (pace->delay_ns > LOOK_PACE_MOST_NS)
		pace->delay_ns = LOOK_PACE_MOST_NS;
	return pace->delay_ns;
}
