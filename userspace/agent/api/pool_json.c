// SPDX-License-Identifier: MIT
/* Pools as the varlink interface shows them. */
#include "agent/api/pool_json.h"

#include <string.h>

#include "agent/agent.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"

static int clusters_in(const struct agent *agent, const struct pool *pool)
{
	int count = 0;

	for (const struct cluster *c = agent->clusters; c; c = c->next)
		count += !strcmp(c->in_pool.pool, pool->name);
	return count;
}

static void add_room(json_object *o, const struct pool_room *room)
{
	uint64_t left = room->bytes > room->promised ? room->bytes - room->promised : 0;

	json_add_int(o, "Bytes", (int64_t)room->bytes);
	json_add_int(o, "PromisedBytes", (int64_t)room->promised);
	json_add_int(o, "UnpromisedBytes", (int64_t)left);
	json_add_int(o, "DataPercent", (int64_t)room->data_percent);
	json_add_int(o, "MetadataPercent", (int64_t)room->metadata_percent);
	json_add_bool(o, "Autoextend", room->autoextend);
	json_add_string(o, "Health", room->health);
}

/**
 * pool_to_json() - type Pool of the varlink interface; a new reference
 * @room: what LVM says of it; NULL if it was not asked
 * @why: LVM does not know it; NULL if it does
 */
json_object *pool_to_json(const struct agent *agent, const struct pool *pool,
			  const struct pool_room *room, const struct fault *why)
{
	json_object *o = json_object_new_object();
	char created[32];

	format_time(pool->created, created);
	json_add_string(o, "Name", pool->name);
	json_add_string(o, "VolumeGroup", pool->group);
	json_add_string(o, "Status", pool_status_name(pool->status));
	json_add_string(o, "StatusReason", why ? why->message : "");
	if (agent)
		json_add_int(o, "Clusters", clusters_in(agent, pool));
	if (room)
		add_room(o, room);
	json_add_string(o, "PoolId", pool->id);
	json_add_string(o, "PoolCreateTime", created);
	return o;
}

/** pool_reply() - answer a call with a pool */
void pool_reply(struct varlink_call *call, const struct pool *pool)
{
	_cleanup_json_ json_object *params = json_object_new_object();

	json_add_object(params, "pool", pool_to_json(NULL, pool, NULL, NULL));
	varlink_reply(call, params);
}
