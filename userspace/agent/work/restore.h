/* SPDX-License-Identifier: MIT */
/* RestoreDBClusterFromSnapshot: a new cluster from a snapshot, or nothing of it. */
#ifndef ENVELOPE_RESTORE_H
#define ENVELOPE_RESTORE_H

#include "agent/catalog/snapshots.h"
#include "agent/work/operation.h"

void restore_begin(struct operation *op, const struct snapshot *snapshot, const char *key);

#endif
