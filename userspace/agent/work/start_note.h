/* SPDX-License-Identifier: MIT */
/* How a cluster was started last: by the boot unit, with a read-only device, and what it found. */
#ifndef ENVELOPE_START_NOTE_H
#define ENVELOPE_START_NOTE_H

#include "agent/agent.h"

void start_note_load(struct cluster *cluster);
void start_note_warning(struct cluster *cluster, const char *warning);
bool start_note(struct cluster *cluster, bool at_boot, bool read_only);

#endif
