/* SPDX-License-Identifier: MIT */
/*
 * How soon a look at the disks follows an event, as a pure function of the events before it. A look
 * reads all disks of the host, and loop devices and containers may have events without end.
 */
#ifndef ENVELOPE_LOOK_PACE_H
#define ENVELOPE_LOOK_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* From the first event to the look: a disk with its partitions, and the array that is made of it. */
#define LOOK_PACE_FIRST_NS (500 * 1000000ULL)

/* No event waits longer for its look. */
#define LOOK_PACE_MOST_NS (30 * 1000000000ULL)

/* Without an event for so long, the next event is a first one. */
#define LOOK_PACE_QUIET_NS (30 * 1000000000ULL)

/**
 * struct look_pace - all zeros before the first event
 * @event_ns: of the last event
 * @delay_ns: from an event to its look, the last time
 */
struct look_pace {
	uint64_t event_ns;
	uint64_t delay_ns;
};

uint64_t look_pace_event(struct look_pace *pace, uint64_t now_ns, bool due);

#endif
