/* SPDX-License-Identifier: MIT */
/*
 * The disk on which a volume is to be made: the agent takes it before the agent asks the KMS.
 *
 * Must never write to the disk.
 */
#ifndef ENVELOPE_TARGET_H
#define ENVELOPE_TARGET_H

#include "agent/work/operation.h"

int target_locate(struct volume_job *job);

void target_take(struct volume_job *job);

int target_check(struct operation *op);

#endif
