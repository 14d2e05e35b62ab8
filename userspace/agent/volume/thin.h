/* SPDX-License-Identifier: MIT */
/*
 * Thin pools, and the volumes of clusters in them. All functions run in a device thread of the lane
 * DEVICE_LANE_POOLS: what is promised of a pool is counted and then given, one volume after the other.
 */
#ifndef ENVELOPE_THIN_H
#define ENVELOPE_THIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/rules/pool_rules.h"
#include "agent/volume/lvm.h"

/**
 * struct thin_pool - a pool, copied from the event loop, and what LVM says of it
 * @name, @id, @group, @uuid: see struct pool
 * @bytes: for a pool to make, 0 for nine tenths of what is free
 * @room: filled by thin_pool_read(); its strings are of this struct
 * @health: LVM's word
 */
struct thin_pool {
	char name[POOL_NAME_MAX + 1];
	char id[22];
	char group[LVM_NAME_MAX + 1];
	char uuid[LVM_UUID_MAX + 1];
	uint64_t bytes;
	struct pool_room room;
	char health[64];
};

/**
 * struct thin_volume - the volume of a cluster
 * @pool: that it is in; its name is "" for a cluster with a device of its own
 * @volume_id, @cluster_id: of the cluster
 * @uuid: LVM's, "" while it is not known
 * @bytes: its length, or the length to get
 * @path: filled by thin_volume_make()
 * @gone: the volume is not there any more
 * @erased: result of the step before the removal
 */
struct thin_volume {
	struct thin_pool pool;
	char volume_id[22];
	char cluster_id[64];
	char uuid[LVM_UUID_MAX + 1];
	uint64_t bytes;
	char path[2 * LVM_NAME_MAX + 8];
	bool gone;
	int erased;
};

/* The name of the logical volume. */
static inline void thin_volume_name(const char *volume_id, char name[32])
{
	snprintf(name, 32, "envelope-%s", volume_id);
}

int thin_find_own(const struct lvm_group *group, const char *uuid, const char *tag,
		  const struct lvm_volume **ret, struct fault *f);
int thin_make_room(const struct thin_pool *pool, const struct lvm_group *group, uint64_t bytes,
		   struct fault *f);
void thin_volume_tags(const struct thin_volume *volume, struct lvm_tags *ret);
int thin_volume_take(struct thin_volume *volume, struct fault *f);
int thin_pool_make(struct thin_pool *pool, struct fault *f);
int thin_pool_read(struct thin_pool *pool, struct lvm_group *group, struct fault *f);
int thin_pool_unmake(struct thin_pool *pool, struct fault *f);
int thin_volume_make(struct thin_volume *volume, struct fault *f);
int thin_volume_grow(struct thin_volume *volume, struct fault *f);
int thin_volume_remove(struct thin_volume *volume, struct fault *f);

#endif
