/* SPDX-License-Identifier: MIT */
/*
 * Pools: their rows in the catalog and the list in memory, and the rows of the volumes in them.
 *
 * A row of a volume is written before LVM makes the volume, and deleted after LVM has removed it. It
 * does not go with the cluster's row: a row without a cluster is a volume to remove.
 */
#ifndef ENVELOPE_POOLS_H
#define ENVELOPE_POOLS_H

#include <stdint.h>

#include "agent/catalog/catalog.h"
#include "agent/catalog/pool_volume.h"
#include "agent/volume/thin.h"

struct agent;

enum pool_status {
	POOL_CREATING,
	POOL_AVAILABLE,
	POOL_DELETING,
};

/**
 * struct pool - owned by the agent's list; the event loop alone touches it
 * @name, @group: of the logical volume and its volume group
 * @id: random; it is in a tag of the logical volume, and tells it from one that somebody else made
 * @uuid: LVM's; "" until LVM has made it
 * @created: seconds since 1970
 *
 * Above is what the catalog keeps. Below is what this process knows:
 * @busy: LVM is at work on it for a client
 * @level: of the last warning, see rules_pool_level()
 */
struct pool {
	struct pool *next;
	char name[POOL_NAME_MAX + 1];
	char id[22];
	char group[LVM_NAME_MAX + 1];
	char uuid[LVM_UUID_MAX + 1];
	enum pool_status status;
	int64_t created;
	bool busy;
	unsigned int level;
};

/** typedef pool_volume_each_t - with each row that @volume_id's cluster has left */
typedef void (*pool_volume_each_t)(const char *volume_id, const struct pool_volume *volume,
				   void *userdata);

const char *pool_status_name(enum pool_status status);
int pool_make_id(char id[22]);
struct pool *pool_find(const struct agent *agent, const char *name);
void pool_add(struct agent *agent, struct pool *pool);
void pool_remove(struct agent *agent, struct pool *pool);
void pools_free(struct agent *agent);
char *pool_device(const struct pool *pool, const char *volume_id);
void pool_copy(const struct pool *pool, struct thin_pool *ret);

int pools_load(struct agent *agent, struct fault *f);
int pools_record(struct catalog *catalog, const struct pool *pool, struct fault *f);
int pools_forget(struct catalog *catalog, const char *name, struct fault *f);

int pool_volumes_find(struct catalog *catalog, const char *volume_id, struct pool_volume *ret,
		      struct fault *f);
int pool_volumes_record(struct catalog *catalog, const char *volume_id,
			const struct pool_volume *volume, struct fault *f);
int pool_volumes_forget(struct catalog *catalog, const char *volume_id, struct fault *f);
int pool_volumes_left(struct catalog *catalog, pool_volume_each_t each, void *userdata,
		      struct fault *f);
int pool_volumes_count(struct catalog *catalog, const char *pool, struct fault *f);

#endif
