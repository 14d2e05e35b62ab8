/* SPDX-License-Identifier: MIT */
/*
 * Starts clusters again whose lease ended because nobody answered, or whose disk was not there.
 */
#ifndef ENVELOPE_RESTART_H
#define ENVELOPE_RESTART_H

#include "agent/agent.h"

void restart_give_up(struct cluster *cluster);
void restart_check(struct cluster *cluster);
void restart_disk_found(struct cluster *cluster);

#endif
