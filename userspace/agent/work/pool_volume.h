/* SPDX-License-Identifier: MIT */
/*
 * The volume of a cluster in a pool, as steps of the cluster's operation: made before anything else of a
 * new cluster, removed after everything else of a deleted one.
 */
#ifndef ENVELOPE_WORK_POOL_VOLUME_H
#define ENVELOPE_WORK_POOL_VOLUME_H

#include "agent/work/operation.h"

bool pool_volume_is_due(const struct operation *op);
int pool_volume_intend(struct operation *op);
void pool_volume_step(struct operation *op, void (*run)(struct volume_job *job),
		      void (*then)(struct operation *op));
void pool_volume_make(struct operation *op, void (*then)(struct operation *op));
void pool_volume_grow(struct operation *op, uint64_t bytes, void (*then)(struct operation *op));
void pool_volume_remove(struct operation *op, void (*then)(struct operation *op));
void pool_volume_forget(const struct operation *op);

#endif
