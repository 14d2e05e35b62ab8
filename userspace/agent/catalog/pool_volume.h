/* SPDX-License-Identifier: MIT */
/* A volume in a pool, in memory. pools.h has its table. */
#ifndef ENVELOPE_POOL_VOLUME_H
#define ENVELOPE_POOL_VOLUME_H

#include <stdint.h>

#include "agent/rules/pool_rules.h"
#include "agent/volume/lvm.h"

/**
 * struct pool_volume - a volume in a pool, as the catalog has it
 * @pool: name of the pool, "" for a cluster with a device of its own
 * @uuid: LVM's; "" until LVM has made it
 * @bytes: allocated storage
 */
struct pool_volume {
	char pool[POOL_NAME_MAX + 1];
	char uuid[LVM_UUID_MAX + 1];
	uint64_t bytes;
};

#endif
