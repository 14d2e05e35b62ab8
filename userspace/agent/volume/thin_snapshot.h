/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of clusters' volumes in a pool, and new volumes from them. All functions run in a device
 * thread of the lane DEVICE_LANE_POOLS, as those of thin.h.
 */
#ifndef ENVELOPE_THIN_SNAPSHOT_H
#define ENVELOPE_THIN_SNAPSHOT_H

#include "agent/volume/thin.h"

/**
 * struct thin_snapshot - a snapshot, copied from the event loop, and what became of it
 * @pool: that it is in, as its volume
 * @id: random; it is in a tag, and tells the snapshot from a volume that somebody else made
 * @name: the identifier that the client gave
 * @volume_id, @origin: of the volume: its id, and LVM's uuid
 * @device: on the volume, to be held meanwhile; "" for a stopped cluster
 * @hold_ms: the longest time for that
 * @uuid, @bytes: LVM's, filled by thin_snapshot_make(); @uuid is "" while it is not known
 * @held_ms: for how long the writes were held
 * @left: it is not whole, and could not be removed either
 */
struct thin_snapshot {
	struct thin_pool pool;
	char id[23];
	char name[64];
	char volume_id[22];
	char origin[LVM_UUID_MAX + 1];
	char device[128];
	unsigned int hold_ms;
	char uuid[LVM_UUID_MAX + 1];
	uint64_t bytes;
	unsigned int held_ms;
	bool left;
};

int thin_snapshot_make(struct thin_snapshot *snapshot, struct fault *f);
int thin_snapshot_remove(struct thin_snapshot *snapshot, struct fault *f);
int thin_volume_restore(struct thin_volume *volume, const struct thin_snapshot *from,
			struct fault *f);

#endif
