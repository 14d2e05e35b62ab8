// SPDX-License-Identifier: MIT
/*
 * A look at all pools, in a device thread: for DescribePools, at the start of the agent, and from
 * time to time. A pool that fills up gives one event for each level: see rules_pool_level().
 */
#include "agent/work/pool_look.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/pool_json.h"
#include "agent/api/reply.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/pools.h"
#include "agent/volume/device_thread.h"
#include "agent/volume/thin.h"
#include "agent/work/snapshot_removal.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

#define LOOK_S 60

/* One pool or one volume that a cluster has left. */
struct pool_item {
	struct pool_item *next;
	struct thin_pool thin;
	struct thin_volume left;
	struct lvm_group group;
	int result;
	struct fault fault;
};

/**
 * struct pool_look - owned by its step
 * @call, @name: DescribePools, and the pool that it names; NULL for none
 * @items: a copy of each pool; owned
 * @left: volumes to remove; owned
 */
struct pool_look {
	struct agent *agent;
	struct varlink_call *call;
	char *name;
	struct pool_item *items;
	struct pool_item *left;
};

static void free_items(struct pool_item *item)
{
	while (item) {
		struct pool_item *next = item->next;

		lvm_group_clear(&item->group);
		free(item);
		item = next;
	}
}

static void free_look(struct pool_look *look)
{
	free_items(look->items);
	free_items(look->left);
	free(look->name);
	free(look);
}

static void look_run(void *data)
{
	struct pool_look *look = data;

	for (struct pool_item *i = look->left; i; i = i->next)
		i->result = thin_volume_remove(&i->left, &i->fault);
	for (struct pool_item *i = look->items; i; i = i->next)
		i->result = thin_pool_read(&i->thin, &i->group, &i->fault);
}

/* ---- what was seen ---- */

static void tell_level(struct agent *agent, struct pool *pool, const struct pool_room *room)
{
	unsigned int level = rules_pool_level(room);
	json_object *details;
	struct fault f;

	if (level <= pool->level) {
		pool->level = level;
		return;
	}
	pool->level = level;
	details = json_object_new_object();
	json_add_string(details, "pool", pool->name);
	json_add_string(details, "volumeGroup", pool->group);
	fault_set(&f, "StorageQuotaExceeded",
		  "The pool %s in %s is filling up: %.1f %% of its data and %.1f %% of its metadata are in use, %llu of its %llu GiB are promised to volumes%s%s. Make it longer with lvextend before its volumes fail.",
		  pool->name, pool->group, room->data_percent, room->metadata_percent,
		  (unsigned long long)(room->promised / POOL_GIB),
		  (unsigned long long)(room->bytes / POOL_GIB),
		  room->health[0] ? ", and LVM says: " : "", room->health);
	log_warning("%s", f.message);
	audit_service_event(agent->audit, "PoolWarning", details, &f);
}

/* Somebody made the volume longer, or an agent was killed before it had written the length. */
static void take_lengths(struct agent *agent, const struct lvm_group *group)
{
	struct fault f;

	for (struct cluster *c = agent->clusters; c; c = c->next) {
		for (size_t i = 0; c->in_pool.uuid[0] && i < group->count; i++) {
			if (strcmp(group->volumes[i].uuid, c->in_pool.uuid) ||
			    group->volumes[i].bytes == c->in_pool.bytes || c->operation)
				continue;
			c->in_pool.bytes = group->volumes[i].bytes;
			if (pool_volumes_record(agent->catalog, c->volume_id, &c->in_pool, &f) < 0)
				log_error("Cluster %s: %s", c->id, f.message);
		}
	}
}

static void answer(struct pool_look *look)
{
	json_object *pools = json_object_new_array();
	_cleanup_json_ json_object *reply = json_object_new_object();
	struct fault f;

	json_add_object(reply, "pools", pools);
	if (look->name && !pool_find(look->agent, look->name)) {
		fault_set(&f, "DBPoolNotFoundFault", "Pool %.63s not found.", look->name);
		reply_fault(look->call, &f);
		return;
	}
	for (struct pool_item *i = look->items; i; i = i->next) {
		const struct pool *pool = pool_find(look->agent, i->thin.name);

		if (pool && (!look->name || !strcmp(look->name, pool->name)))
			json_object_array_add(pools,
					      pool_to_json(look->agent, pool,
							   i->result < 0 ? NULL : &i->thin.room,
							   i->result < 0 ? &i->fault : NULL));
	}
	varlink_reply(look->call, reply);
}

static void look_done(void *data)
{
	struct pool_look *look = data;
	struct agent *agent = look->agent;
	struct fault f;

	for (struct pool_item *i = look->left; i; i = i->next) {
		if (i->result < 0)
			log_error("The logical volume of the deleted volume %s in the pool %s is left: %s",
				  i->left.volume_id, i->left.pool.name, i->fault.message);
		else if (pool_volumes_forget(agent->catalog, i->left.volume_id, &f) < 0)
			log_error("%s", f.message);
		else
			log_info("The logical volume of the deleted volume %s is removed.",
				 i->left.volume_id);
	}
	for (struct pool_item *i = look->items; i; i = i->next) {
		struct pool *pool = pool_find(agent, i->thin.name);

		if (!pool || pool->status != POOL_AVAILABLE)
			continue;
		if (i->result < 0) {
			log_warning("Pool %s: %s", pool->name, i->fault.message);
			continue;
		}
		tell_level(agent, pool, &i->thin.room);
		take_lengths(agent, &i->group);
	}
	if (look->call)
		answer(look);
	look->call = NULL;
	free_look(look);
}

static void look_late(void *data, bool begun)
{
	struct pool_look *look = data;
	struct fault f;

	fault_set(&f, "DeviceTimeout",
		  "LVM has not answered within %u seconds. Look at the disks with 'dmesg'.",
		  look->agent->config.device_timeout_seconds);
	if (look->call)
		reply_fault(look->call, &f);
	look->call = NULL;
	if (!begun)
		free_look(look);
}

static void look_drop(void *data)
{
	struct pool_look *look = data;

	if (look->call)
		varlink_call_release(look->call);
	free_look(look);
}

/* ---- beginning ---- */

/* A volume whose cluster has gone. A creation under way has its cluster in the catalog. */
static void add_left(const char *volume_id, const struct pool_volume *volume, void *userdata)
{
	struct pool_look *look = userdata;
	const struct pool *pool = pool_find(look->agent, volume->pool);
	struct pool_item *item = pool ? calloc(1, sizeof(*item)) : NULL;

	if (!item || cluster_find_volume(look->agent, volume_id)) {
		free(item);
		return;
	}
	pool_copy(pool, &item->left.pool);
	memcpy(item->left.volume_id, volume_id,
	       strnlen(volume_id, sizeof(item->left.volume_id) - 1));
	memcpy(item->left.uuid, volume->uuid, sizeof(item->left.uuid));
	item->next = look->left;
	look->left = item;
}

static struct pool_look *new_look(struct agent *agent)
{
	struct pool_look *look = calloc(1, sizeof(*look));
	struct pool_item **end = look ? &look->items : NULL;
	struct fault f;

	if (!look)
		return NULL;
	look->agent = agent;
	for (struct pool *pool = agent->pools; pool; pool = pool->next) {
		*end = calloc(1, sizeof(**end));
		if (!*end)
			break;
		pool_copy(pool, &(*end)->thin);
		end = &(*end)->next;
	}
	if (pool_volumes_left(agent->catalog, add_left, look, &f) < 0)
		log_error("%s", f.message);
	return look;
}

static void begin(struct pool_look *look)
{
	static const struct device_work work = {
		.run = look_run,
		.done = look_done,
		.late = look_late,
		.drop = look_drop,
	};

	device_thread_submit(look->agent->devices, DEVICE_LANE_POOLS, &work, look);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;
	struct pool_look *look = agent->pools ? new_look(agent) : NULL;

	snapshot_sweep(agent);
	if (look)
		begin(look);
	sd_event_source_set_time_relative(source, LOOK_S * 1000000ULL);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/** pool_look_soon() - look at the pools now, and again from time to time */
void pool_look_soon(struct agent *agent)
{
	int r = 0;

	if (agent->pool_timer)
		sd_event_source_set_time_relative(agent->pool_timer, 0);
	else
		r = sd_event_add_time_relative(agent->event, &agent->pool_timer, CLOCK_BOOTTIME, 0,
					       0, on_timer, agent);
	if (r < 0)
		log_error("Cannot set a timer: %s", strerror(-r));
}

/**
 * pool_look_answer() - answer DescribePools after a look
 * @name: of one pool; NULL for all
 *
 * Return: 0 or -1: nothing has begun.
 */
int pool_look_answer(struct agent *agent, struct varlink_call *call, const char *name,
		     struct fault *f)
{
	struct pool_look *look;

	if (name && !pool_find(agent, name))
		return fault_set(f, "DBPoolNotFoundFault", "Pool %.63s not found.", name);
	look = new_look(agent);
	if (look && name)
		look->name = strdup(name);
	if (!look || (name && !look->name)) {
		if (look)
			free_look(look);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	look->call = call;
	begin(look);
	return 0;
}

/** pool_look_stop() - the agent ends */
void pool_look_stop(struct agent *agent)
{
	agent->pool_timer = sd_event_source_disable_unref(agent->pool_timer);
}
