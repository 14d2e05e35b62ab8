/* SPDX-License-Identifier: MIT */
/*
 * The record of a lost key in the volume's header.
 */
#ifndef ENVELOPE_LOSS_RECORD_H
#define ENVELOPE_LOSS_RECORD_H

#include "agent/agent.h"

void loss_record_write(struct cluster *cluster);
bool loss_record_doubt(struct cluster *cluster, const struct volume_header *header);
bool loss_record_refute(struct cluster *cluster);

#endif
