/* SPDX-License-Identifier: MIT */
/* Kills the agent at one of its moments. See kill_moment.c. */
#ifndef ENVELOPE_KILL_MOMENT_H
#define ENVELOPE_KILL_MOMENT_H

void kill_moment(void);

#endif
