/* SPDX-License-Identifier: MIT */
/*
 * A creation that was killed before it wrote a header may have left its reservation on the disk, where
 * no header names the owner. The agent ends such a reservation.
 */
#ifndef ENVELOPE_LEFT_RESERVATION_H
#define ENVELOPE_LEFT_RESERVATION_H

#include "agent/agent.h"

void left_reservation_end(struct agent *agent);

#endif
