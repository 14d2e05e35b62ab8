/* SPDX-License-Identifier: MIT */
/*
 * The time in which the loss of a refused key can be undone.
 */
#ifndef ENVELOPE_RECOVERY_WINDOW_H
#define ENVELOPE_RECOVERY_WINDOW_H

#include "agent/agent.h"

void recovery_window_load(struct cluster *cluster);
bool recovery_window_count(struct cluster *cluster);
void recovery_window_mark(struct cluster *cluster);
int recovery_window_save(const struct cluster *cluster, struct fault *f);
bool recovery_window_open(const struct cluster *cluster);
uint64_t recovery_window_next(const struct cluster *cluster);
void recovery_window_forget(struct cluster *cluster);

#endif
