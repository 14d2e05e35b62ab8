/* SPDX-License-Identifier: MIT */
/*
 * Jumps of the wall clock, as an event: for a log and an audit trail. Must decide nothing.
 */
#ifndef ENVELOPE_CLOCK_JUMP_H
#define ENVELOPE_CLOCK_JUMP_H

#include <json-c/json.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define CLOCK_JUMP_RECORD "WallClockJump" /* name of the audit trail's record */

struct clock_jump;

/**
 * typedef clock_jumped_t - the wall clock was set
 * @from: seconds since 1970 that it would show now without the jump
 * @to: those that it shows
 */
typedef void (*clock_jumped_t)(int64_t from, int64_t to, void *userdata);

int clock_jump_watch(sd_event *event, clock_jumped_t jumped, void *userdata,
		     struct clock_jump **ret);
json_object *clock_jump_details(int64_t from, int64_t to);
void clock_jump_free(struct clock_jump *watch);

#endif
