/* SPDX-License-Identifier: MIT */
/*
 * One agent at a time has a state folder, and with it the host's volumes.
 *
 * Must never keep the only agent of a host from its leases: not by a full disk, nor by what is left of
 * an agent that is dead.
 */
#ifndef ENVELOPE_STATE_LOCK_H
#define ENVELOPE_STATE_LOCK_H

#include <stdbool.h>

#include "lib/base/fault.h"

int state_lock_take(const char *directory, int *ret, struct fault *f);
bool state_lock_follow(const char *directory, int *lock);
void state_lock_release(int *lock);

#endif
