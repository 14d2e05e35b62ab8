/* SPDX-License-Identifier: MIT */
/* CreateDBClusterSnapshot: a snapshot of a cluster, or nothing of it. */
#ifndef ENVELOPE_WORK_SNAPSHOT_H
#define ENVELOPE_WORK_SNAPSHOT_H

#include "agent/work/operation.h"

void snapshot_begin(struct operation *op, const char *name);

#endif
