/* SPDX-License-Identifier: MIT */
/*
 * The loss of a key, as the disk itself records it.
 */
#ifndef ENVELOPE_LOSS_RECORD_H
#define ENVELOPE_LOSS_RECORD_H

#include "agent/agent.h"

void loss_record_write(struct cluster *cluster);
bool loss_record_doubt(struct cluster *cluster, const struct volume_header *header);
bool loss_record_refute(struct cluster *cluster);

#endif
