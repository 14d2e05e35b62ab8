/* SPDX-License-Identifier: MIT */
/* The rules of pools, as pure functions. tests/unit/pool_rules_test.c lists them. */
#ifndef ENVELOPE_POOL_RULES_H
#define ENVELOPE_POOL_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"

#define POOL_NAME_MAX 63
#define POOL_GIB      ((uint64_t)1 << 30)
#define POOL_GIB_MAX  (1 << 20) /* of a pool or a volume: 1 PiB */

/* Per cent of a pool's metadata from which on nothing new is put into the pool. */
#define POOL_METADATA_FULL 80

/**
 * struct pool_room - a pool as LVM reports it
 * @name: of the pool
 * @bytes: that it has for data
 * @promised: lengths of all thin volumes in it, also of other programs
 * @free_bytes, @extent_bytes: of its volume group
 * @data_percent, @metadata_percent: in use
 * @health: LVM's word for what is wrong with it, "" for nothing
 * @autoextend: lvm.conf lets pools grow
 */
struct pool_room {
	const char *name;
	uint64_t bytes;
	uint64_t promised;
	uint64_t free_bytes;
	uint64_t extent_bytes;
	double data_percent;
	double metadata_percent;
	const char *health;
	bool autoextend;
};

int rules_pool_name(const char *name, struct fault *f);
int rules_pool_size(int64_t gib, const char *parameter, struct fault *f);
int rules_pool_room(const struct pool_room *room, uint64_t bytes, uint64_t *grow_to,
		    struct fault *f);
int rules_pool_place(const char *pool, const char *device, bool has_size, int64_t gib,
		     struct fault *f);
int rules_pool_storage(const char *cluster, const char *pool, uint64_t bytes, int64_t gib,
		       struct fault *f);
unsigned int rules_pool_level(const struct pool_room *room);

#endif
