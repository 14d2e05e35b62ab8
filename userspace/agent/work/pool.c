// SPDX-License-Identifier: MIT
/*
 * Makes and removes pools. The catalog has the row of a pool before LVM makes the pool, and until LVM
 * has removed it: the next agent removes what a killed one has left half-made.
 */
#include "agent/work/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/api/pool_json.h"
#include "agent/api/reply.h"
#include "agent/catalog/snapshots.h"
#include "agent/volume/device_thread.h"
#include "agent/volume/thin.h"
#include "agent/work/pool_look.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

/**
 * struct pool_work - owned by its step in a device thread
 * @api: for the audit trail
 * @call: waits for the answer; NULL for none, or when the answer was given because the step is late
 * @params, @uid, @pid: of the call
 * @thin: the copy that the thread works on
 * @result, @fault: of the step
 */
struct pool_work {
	struct agent *agent;
	const char *api;
	struct varlink_call *call;
	json_object *params;
	uid_t uid;
	pid_t pid;
	struct thin_pool thin;
	int (*run)(struct thin_pool *thin, struct fault *f);
	void (*next)(struct pool_work *work, struct pool *pool);
	int result;
	struct fault fault;
};

static void answer(struct pool_work *work, const struct pool *pool, const struct fault *f)
{
	if (!work->call)
		return;
	audit_api_call(work->agent->audit, work->api, work->params, work->uid, work->pid, NULL, f);
	if (f)
		reply_fault(work->call, f);
	else
		pool_reply(work->call, pool);
	work->call = NULL;
}

static void free_work(struct pool_work *work)
{
	json_object_put(work->params);
	free(work);
}

static void work_run(void *data)
{
	struct pool_work *work = data;

	work->result = work->run(&work->thin, &work->fault);
}

static void work_done(void *data)
{
	struct pool_work *work = data;
	struct pool *pool = pool_find(work->agent, work->thin.name);

	pool->busy = false;
	work->next(work, pool);
	free_work(work);
}

static void work_late(void *data, bool begun)
{
	struct pool_work *work = data;
	struct fault f;

	fault_set(&f, "DeviceTimeout",
		  "%s of the pool %s waits for LVM for more than %u seconds. Nothing else is done with the pool until LVM answers: look at the disks with 'dmesg', and at udev with 'udevadm settle'.",
		  work->api, work->thin.name, work->agent->config.device_timeout_seconds);
	answer(work, NULL, &f);
	if (begun)
		return;
	work->result = -1;
	work->fault = f;
	work_done(work);
}

static void work_drop(void *data)
{
	struct pool_work *work = data;

	if (work->call)
		varlink_call_release(work->call);
	free_work(work);
}

static const struct device_work device_work = {
	.run = work_run,
	.done = work_done,
	.late = work_late,
	.drop = work_drop,
};

static struct pool_work *new_work(struct agent *agent, const char *api, const struct pool *pool,
				  struct varlink_call *call, json_object *params)
{
	struct pool_work *work = calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	work->agent = agent;
	work->api = api;
	work->call = call;
	work->params = json_object_get(params);
	work->uid = call ? varlink_call_uid(call) : 0;
	work->pid = call ? varlink_call_pid(call) : 0;
	pool_copy(pool, &work->thin);
	return work;
}

static void submit(struct pool_work *work, struct pool *pool,
		   int (*run)(struct thin_pool *thin, struct fault *f),
		   void (*next)(struct pool_work *work, struct pool *pool))
{
	pool->busy = true;
	work->run = run;
	work->next = next;
	device_thread_submit(work->agent->devices, DEVICE_LANE_POOLS, &device_work, work);
}

/* ---- removal ---- */

static void forget(struct agent *agent, struct pool *pool)
{
	struct fault f;

	if (pools_forget(agent->catalog, pool->name, &f) < 0)
		log_error("Pool %s: %s", pool->name, f.message);
	pool_remove(agent, pool);
}

/* A pool that could not be made, by this agent or by the one before it, has gone. */
static void undone(struct pool_work *work, struct pool *pool)
{
	if (work->result < 0) {
		log_error("Pool %s: what was made of it cannot be removed: %s The next start of the agent tries again.",
			  pool->name, work->fault.message);
		return;
	}
	log_info("Pool %s: its creation was interrupted, and nothing is left of it.", pool->name);
	forget(work->agent, pool);
}

static void removed(struct pool_work *work, struct pool *pool)
{
	struct fault f;

	if (work->result < 0) {
		pool->status = POOL_AVAILABLE;
		if (pools_record(work->agent->catalog, pool, &f) < 0)
			log_error("Pool %s: %s", pool->name, f.message);
		log_warning("Pool %s: it is not deleted: %s", pool->name, work->fault.message);
		answer(work, NULL, &work->fault);
		return;
	}
	answer(work, pool, NULL);
	forget(work->agent, pool);
}

/**
 * pool_delete() - remove the pool that the parameters name; the answer comes later
 *
 * Return: 0 or -1: nothing has begun.
 */
int pool_delete(struct agent *agent, struct varlink_call *call, json_object *params,
		struct fault *f)
{
	const char *name = json_get_string(params, "name");
	struct pool *pool = pool_find(agent, name);
	struct pool_work *work;
	int volumes;

	if (!pool)
		return fault_set(f, "DBPoolNotFoundFault", "Pool %.63s not found.", name);
	if (pool->busy || pool->status != POOL_AVAILABLE)
		return fault_set(f, "InvalidPoolStateFault",
				 "The pool %s is being created or deleted. Try again later.", name);
	volumes = pool_volumes_count(agent->catalog, name, f);
	if (volumes < 0)
		return -1;
	if (volumes)
		return fault_set(f, "InvalidPoolStateFault",
				 "The pool %s holds the volumes of %d clusters. Delete the clusters first.",
				 name, volumes);
	if (snapshots_count(agent, name))
		return fault_set(f, "InvalidPoolStateFault",
				 "The pool %s holds %u snapshots, which outlive their clusters. Delete the snapshots first: envelope snapshot describe",
				 name, snapshots_count(agent, name));
	work = new_work(agent, "DeletePool", pool, call, params);
	if (!work)
		return fault_set(f, "InternalFailure", "Out of memory.");
	pool->status = POOL_DELETING;
	if (pools_record(agent->catalog, pool, f) < 0) {
		pool->status = POOL_AVAILABLE;
		free_work(work);
		return -1;
	}
	submit(work, pool, thin_pool_unmake, removed);
	return 0;
}

/* ---- creation ---- */

static void not_made(struct pool_work *work, struct pool *pool, const struct fault *f)
{
	log_warning("Pool %s: it is not created: %s", pool->name, f->message);
	answer(work, NULL, f);
	forget(work->agent, pool);
}

/* The catalog does not take the pool: it must not stay, since no later agent would know it. */
static void taken_back(struct pool_work *work, struct pool *pool)
{
	if (work->result < 0)
		log_error("Pool %s: %s", pool->name, work->fault.message);
	forget(work->agent, pool);
}

static void made(struct pool_work *work, struct pool *pool)
{
	struct pool_work *back;
	struct fault f;

	if (work->result < 0) {
		not_made(work, pool, &work->fault);
		return;
	}
	memcpy(pool->uuid, work->thin.uuid, sizeof(pool->uuid));
	pool->status = POOL_AVAILABLE;
	if (pools_record(work->agent->catalog, pool, &f) == 0) {
		answer(work, pool, NULL);
		pool_look_soon(work->agent);
		return;
	}
	pool->status = POOL_CREATING;
	answer(work, NULL, &f);
	back = new_work(work->agent, work->api, pool, NULL, NULL);
	if (back)
		submit(back, pool, thin_pool_unmake, taken_back);
}

static struct pool *new_pool(const char *name, const char *group, struct fault *f)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool || pool_make_id(pool->id) < 0) {
		free(pool);
		fault_set(f, "InternalFailure", "Out of memory.");
		return NULL;
	}
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	snprintf(pool->group, sizeof(pool->group), "%s", group);
	pool->created = time(NULL);
	return pool;
}

static int check(const struct agent *agent, const char *name, const char *group, int64_t gib,
		 struct fault *f)
{
	if (rules_pool_name(name, f) < 0 || (gib && rules_pool_size(gib, "Size", f) < 0))
		return -1;
	if (!lvm_valid_name(group))
		return fault_set(f, "InvalidParameterValue",
				 "'%.100s' is not the name of a volume group. See 'vgs'.", group);
	if (pool_find(agent, name))
		return fault_set(f, "DBPoolAlreadyExistsFault", "Pool %s already exists.", name);
	return 0;
}

/**
 * pool_create() - make the pool that the parameters describe; the answer comes later
 *
 * Return: 0 or -1: nothing has begun.
 */
int pool_create(struct agent *agent, struct varlink_call *call, json_object *params,
		struct fault *f)
{
	const char *name = json_get_string(params, "name");
	const char *group = json_get_string(params, "volumeGroup");
	int64_t gib = json_get_int(params, "size", 0);
	struct pool_work *work;
	struct pool *pool;

	if (json_has(params, "size") && !gib)
		return rules_pool_size(gib, "Size", f);
	if (check(agent, name, group, gib, f) < 0)
		return -1;
	pool = new_pool(name, group, f);
	if (!pool)
		return -1;
	work = new_work(agent, "CreatePool", pool, call, params);
	if (!work) {
		free(pool);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	pool_add(agent, pool);
	if (pools_record(agent->catalog, pool, f) < 0) {
		free_work(work);
		pool_remove(agent, pool);
		return -1;
	}
	work->thin.bytes = (uint64_t)gib * POOL_GIB;
	submit(work, pool, thin_pool_make, made);
	return 0;
}

/**
 * pool_resume() - undo the creations and finish the deletions that a killed agent has left, and look at
 *	the pools
 */
void pool_resume(struct agent *agent)
{
	if (agent->pools)
		pool_look_soon(agent);
	for (struct pool *pool = agent->pools; pool; pool = pool->next) {
		struct pool_work *work;

		if (pool->status == POOL_AVAILABLE || pool->busy)
			continue;
		work = new_work(agent, pool->status == POOL_CREATING ? "CreatePool" : "DeletePool",
				pool, NULL, NULL);
		if (work)
			submit(work, pool, thin_pool_unmake,
			       pool->status == POOL_CREATING ? undone : removed);
		else
			log_error("Out of memory.");
	}
}
