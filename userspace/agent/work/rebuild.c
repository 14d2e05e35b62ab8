// SPDX-License-Identifier: MIT
/*
 * See rebuild.h. One look at all disks and at LVM, then one turn of the event loop in which everything
 * is decided and recorded: no operation comes in between.
 *
 * At its start the agent looks by itself, and only says what a rebuild would do, when the disks show
 * that the catalog is lost or an older backup.
 */
#include "agent/work/rebuild.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/api/reply.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/pools.h"
#include "agent/volume/device_thread.h"
#include "agent/volume/lvm.h"
#include "agent/work/ownership.h"
#include "agent/work/state.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define TAKE_IN	 "take-in"
#define PLACE	 "place"
#define KNOWN	 "known"
#define CONFLICT "conflict"
#define MISSING	 "missing"
#define DELETED	 "deleted"

/**
 * struct rebuild - a call of RebuildCatalog, or the look at the agent's start
 * @call, @params, @uid, @pid: of the client; @call is NULL after the answer, and at the agent's start
 * @dry: nothing is done
 * @tagged, @tagged_count: what LVM has of dm-envelope's; @lvm: why it could not be asked
 * @pools, @clusters: of the answer
 * @to_do: how many of them a rebuild would change; @doubts: how many a person must see to
 */
struct rebuild {
	struct scan_job scan;
	struct varlink_call *call;
	json_object *params;
	uid_t uid;
	pid_t pid;
	bool dry;
	struct lvm_tagged *tagged;
	size_t tagged_count;
	struct fault lvm;
	json_object *pools;
	json_object *clusters;
	unsigned int to_do, doubts;
};

/* What no disk has. */
static const char *const not_rebuilt[] = {
	"the audit trail and its events, which have a file of their own",
	"deletion protection: a cluster that is taken in has it",
	"discards, and the profile and endpoint of a cluster",
	"the principal to which a key was last given, until the next grant",
	"the time of a cluster's or a pool's creation: it is the time of the rebuild",
	"which clusters the boot unit starts: systemctl enable envelope-cluster@NAME",
};

static void rebuild_free(void *data)
{
	struct rebuild *job = data;

	if (job->call)
		varlink_call_release(job->call);
	json_object_put(job->params);
	json_object_put(job->pools);
	json_object_put(job->clusters);
	lvm_clear_tagged(job->tagged, job->tagged_count);
	scan_job_free(&job->scan);
	free(job);
}

static void rebuild_run(void *data)
{
	struct rebuild *job = data;

	scan_job_run(&job->scan);
	if (lvm_read_tagged(&job->tagged, &job->tagged_count, &job->lvm) == 0)
		job->lvm.code[0] = 0;
}

static bool tag_value(const struct lvm_volume *volume, const char *prefix, char *value, size_t size)
{
	const char *at = volume->tags;
	size_t length;

	while (*at && strncmp(at, prefix, strlen(prefix))) {
		at += strcspn(at, ",");
		at += *at == ',';
	}
	if (!*at || !lvm_has_tag(volume, LVM_TAG))
		return false;
	at += strlen(prefix);
	length = strcspn(at, ",");
	if (!length || length >= size)
		return false;
	memcpy(value, at, length);
	value[length] = 0;
	return true;
}

static void count(struct rebuild *job, const char *action)
{
	if (!strcmp(action, TAKE_IN) || !strcmp(action, PLACE))
		job->to_do++;
	else if (strcmp(action, KNOWN))
		job->doubts++;
}

/* ---- pools ---- */

static const struct pool *pool_by_id(const struct agent *agent, const char *id)
{
	const struct pool *pool = agent->pools;

	while (pool && strcmp(pool->id, id))
		pool = pool->next;
	return pool;
}

/* Takes a pool in. Return: false, with a fault, if the catalog does not take it. */
static bool take_pool(struct agent *agent, const char *name, const char *id, const char *group,
		      const char *uuid, struct fault *f)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		fault_set(f, "InternalFailure", "Out of memory.");
		return false;
	}
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	snprintf(pool->id, sizeof(pool->id), "%s", id);
	snprintf(pool->group, sizeof(pool->group), "%s", group);
	snprintf(pool->uuid, sizeof(pool->uuid), "%s", uuid);
	pool->status = POOL_AVAILABLE;
	pool->created = time(NULL);
	if (pools_record(agent->catalog, pool, f) < 0) {
		free(pool);
		return false;
	}
	pool_add(agent, pool);
	log_warning("Pool %s: taken in from the tags of its logical volume in %s.", name, group);
	return true;
}

static void see_pool(struct rebuild *job, const char *group, const struct lvm_volume *volume)
{
	struct agent *agent = job->scan.agent;
	json_object *row = json_object_new_object();
	char name[POOL_NAME_MAX + 1], id[22];
	const char *action = KNOWN;
	struct fault f = { 0 };

	if (strcmp(volume->type, "thin-pool") ||
	    !tag_value(volume, "envelope.pool=", name, sizeof(name)) ||
	    !tag_value(volume, "envelope.pool-id=", id, sizeof(id))) {
		json_object_put(row);
		return;
	}
	if (!pool_by_id(agent, id) && pool_find(agent, name)) {
		action = CONFLICT;
		fault_set(&f, CONFLICT, "The catalog has another pool of that name.");
	} else if (!pool_by_id(agent, id)) {
		action = TAKE_IN;
		if (!job->dry && !take_pool(agent, name, id, group, volume->uuid, &f))
			action = CONFLICT;
	}
	json_add_string(row, "Name", name);
	json_add_string(row, "VolumeGroup", group);
	json_add_string(row, "Action", action);
	json_add_string(row, "Detail", f.message);
	json_object_array_add(job->pools, row);
	count(job, action);
}

/* ---- clusters ---- */

/* The logical volume that has the tag of the volume, and the pool that it is in; false for none. */
static bool find_place(const struct rebuild *job, const char *volume_id, struct pool_volume *ret,
		       const char **path)
{
	char tag[LVM_TAG_MAX];

	snprintf(tag, sizeof(tag), "envelope.volume=%s", volume_id);
	for (size_t i = 0; i < job->tagged_count; i++) {
		const struct lvm_group *group = &job->tagged[i].group;
		const struct lvm_volume *volume = lvm_find_tag(group, tag);

		for (size_t j = 0; volume && j < group->count; j++) {
			if (strcmp(group->volumes[j].uuid, volume->pool_uuid) ||
			    !tag_value(&group->volumes[j], "envelope.pool=", ret->pool,
				       sizeof(ret->pool)))
				continue;
			memcpy(ret->uuid, volume->uuid, sizeof(ret->uuid));
			ret->bytes = volume->bytes;
			*path = volume->path;
			return true;
		}
	}
	return false;
}

static int take_place(struct cluster *cluster, const struct pool_volume *place, const char *path,
		      struct fault *f)
{
	struct catalog *catalog = cluster->agent->catalog;
	struct pool_volume before = cluster->in_pool;

	if (pool_volumes_record(catalog, cluster->volume_id, place, f) < 0)
		return -1;
	cluster->in_pool = *place;
	if (text_set(&cluster->device, path) == 0 && catalog_store(catalog, cluster, f) == 0)
		return 0;
	cluster->in_pool = before;
	return -1;
}

/* The path is the user's word, and the stamp tells which is newer: see stamp.c. */
static bool is_older_than(const struct cluster *cluster, const struct volume_header *header)
{
	return cluster->status == CLUSTER_STOPPED && !cluster->reason[0] &&
	       cluster->stamp.host[0] && !strcmp(header->owner.host, cluster->stamp.host) &&
	       strcmp(header->owner.time, cluster->stamp.time) > 0;
}

static const char *judge_known(const struct cluster *cluster, const struct volume_header *header,
			       bool placed, struct fault *f)
{
	if (!strcmp(header->state, "deleted")) {
		fault_set(f, DELETED,
			  "The header says that the cluster was deleted at %s, after the catalog was saved. To forget it: envelope cluster delete --db-cluster-identifier %s --skip-final-snapshot",
			  header->state_time, cluster->id);
		return DELETED;
	}
	if (is_older_than(cluster, header))
		fault_set(f, KNOWN,
			  "The volume was used at %s, after the catalog was saved: see whether its settings are as they should be.",
			  header->owner.time);
	return placed && !cluster->in_pool.pool[0] && !cluster->operation ? PLACE : KNOWN;
}

static const char *judge_unknown(struct rebuild *job, const struct scanned *volume, struct fault *f)
{
	struct agent *agent = job->scan.agent;
	const struct cluster *other = cluster_find(agent, volume->header.cluster_id);

	if (other)
		fault_set(f, CONFLICT,
			  "The catalog has another cluster of that name, with the volume %s on %s. If that one is of the past, delete it and rebuild again: envelope cluster delete --db-cluster-identifier %s --skip-final-snapshot",
			  other->volume_id, other->device, other->id);
	else if (job->scan.result < 0)
		*f = job->scan.fault;
	else if (ownership_check(agent, &volume->header, false, f) == 0)
		return TAKE_IN;
	return CONFLICT;
}

static void add_cluster(struct rebuild *job, const struct volume_header *header, const char *device,
			const char *pool, const char *action, const struct fault *f)
{
	json_object *row = json_object_new_object();

	json_add_string(row, "DBClusterIdentifier", header->cluster_id);
	json_add_string(row, "VolumeId", header->volume_id);
	json_add_string(row, "Device", device);
	json_add_bool(row, "StorageEncrypted", !header->plain);
	if (pool[0])
		json_add_string(row, "Pool", pool);
	json_add_string(row, "Action", action);
	json_add_string(row, "Detail", f->message);
	json_object_array_add(job->clusters, row);
	count(job, action);
}

static void see_volume(struct rebuild *job, const struct scanned *volume)
{
	struct agent *agent = job->scan.agent;
	const struct volume_header *header = &volume->header;
	struct cluster *cluster = cluster_find_volume(agent, header->volume_id);
	const struct scanned *copy = scan_job_copy(&job->scan, volume);
	struct pool_volume place = { 0 };
	const char *path = volume->device, *action = CONFLICT;
	bool placed = find_place(job, header->volume_id, &place, &path);
	struct fault f = { 0 };

	if (!cluster && !strcmp(header->state, "deleted"))
		return;
	if (copy)
		fault_set(&f, CONFLICT, "The volume is on %s and on %s: one of them is a copy.",
			  volume->device, copy->device);
	else
		action = cluster ? judge_known(cluster, header, placed, &f)
				 : judge_unknown(job, volume, &f);
	if (!job->dry && !strcmp(action, TAKE_IN)) {
		reconcile_take_in(&job->scan, volume, false);
		cluster = cluster_find_volume(agent, header->volume_id);
	}
	/* The row of a cluster must be there before that of its place. */
	if (!job->dry && placed && cluster &&
	    (!strcmp(action, TAKE_IN) || !strcmp(action, PLACE))) {
		state_flush(agent);
		if (take_place(cluster, &place, path, &f) < 0)
			action = CONFLICT;
	}
	add_cluster(job, header, path, place.pool, action, &f);
}

static bool is_on_a_disk(const struct rebuild *job, const struct cluster *cluster)
{
	for (size_t i = 0; i < job->scan.count; i++)
		if (!strcmp(job->scan.volumes[i].header.volume_id, cluster->volume_id))
			return true;
	return false;
}

/* The catalog has it, and no disk: it stays. */
static void see_missing(struct rebuild *job, const struct cluster *cluster)
{
	struct volume_header header = { .plain = cluster_is_plain(cluster) };
	struct fault f;

	if (is_on_a_disk(job, cluster))
		return;
	memcpy(header.cluster_id, cluster->id, sizeof(header.cluster_id));
	memcpy(header.volume_id, cluster->volume_id, sizeof(header.volume_id));
	fault_set(&f, MISSING,
		  "No disk of this host has its volume, or a device lies on top of the disk. It stays in the catalog.");
	add_cluster(job, &header, cluster->device, cluster->in_pool.pool, MISSING, &f);
}

/* ---- the end ---- */

static json_object *result(struct rebuild *job)
{
	json_object *reply = json_object_new_object(), *lost = json_object_new_array();

	json_add_object(reply, "pools", json_object_get(job->pools));
	json_add_object(reply, "clusters", json_object_get(job->clusters));
	for (size_t i = 0; i < sizeof(not_rebuilt) / sizeof(*not_rebuilt); i++)
		json_object_array_add(lost, json_object_new_string(not_rebuilt[i]));
	json_add_object(reply, "notRebuilt", lost);
	if (job->lvm.code[0])
		json_add_string(reply, "problem", job->lvm.message);
	return reply;
}

/* Of the look at the agent's start. */
static void tell(const struct rebuild *job)
{
	struct fault f;

	fault_set(&f, "CatalogOlder",
		  "The catalog does not fit the disks: it was lost or is an older backup, or disks have come from another host. A rebuild would take in or place %u pools and clusters, and %u others need a person. See which, then rebuild: envelope catalog rebuild --dry-run",
		  job->to_do, job->doubts);
	log_error("%s", f.message);
	audit_service_event(job->scan.agent->audit, "CatalogCheck", NULL, &f);
}

static void rebuild_done(void *data)
{
	struct rebuild *job = data;
	struct agent *agent = job->scan.agent;
	_cleanup_json_ json_object *reply = NULL;

	/* Too late: the client has a fault, and nothing is done. */
	if (!job->call && !job->dry) {
		rebuild_free(job);
		return;
	}
	for (size_t i = 0; i < job->tagged_count; i++)
		for (size_t j = 0; j < job->tagged[i].group.count; j++)
			see_pool(job, job->tagged[i].name, &job->tagged[i].group.volumes[j]);
	for (size_t i = 0; i < job->scan.count; i++)
		see_volume(job, &job->scan.volumes[i]);
	for (const struct cluster *c = agent->clusters; c; c = c->next)
		see_missing(job, c);
	state_flush(agent);
	if (job->call) {
		audit_api_call(agent->audit, "RebuildCatalog", job->params, job->uid, job->pid,
			       NULL, NULL);
		reply = result(job);
		varlink_reply(job->call, reply);
		job->call = NULL;
	} else if (!job->params && (job->to_do || job->doubts)) {
		tell(job);
	}
	rebuild_free(job);
}

static void rebuild_late(void *data, bool begun)
{
	struct rebuild *job = data;
	struct fault f;

	fault_set(&f, "DeviceTimeout",
		  "The disks and LVM have not answered within %u seconds. Nothing was taken in. Find the disk that does not answer with 'dmesg', and try again.",
		  job->scan.agent->config.device_timeout_seconds);
	if (job->call) {
		audit_api_call(job->scan.agent->audit, "RebuildCatalog", job->params, job->uid,
			       job->pid, NULL, &f);
		reply_fault(job->call, &f);
	}
	job->call = NULL;
	if (!begun)
		rebuild_free(job);
}

static const struct device_work rebuild_work = {
	.run = rebuild_run,
	.done = rebuild_done,
	.late = rebuild_late,
	.drop = rebuild_free,
};

static int begin(struct agent *agent, struct varlink_call *call, json_object *params, bool dry)
{
	struct rebuild *job = calloc(1, sizeof(*job));

	if (!job)
		return -1;
	job->scan.agent = agent;
	job->scan.changes = agent->changes;
	job->call = call;
	job->params = json_object_get(params);
	job->uid = call ? varlink_call_uid(call) : 0;
	job->pid = call ? varlink_call_pid(call) : 0;
	job->dry = dry;
	job->pools = json_object_new_array();
	job->clusters = json_object_new_array();
	device_thread_submit(agent->devices, DEVICE_LANE_POOLS, &rebuild_work, job);
	return 0;
}

/**
 * rebuild_begin() - take into the catalog what the disks have, and answer the client
 *
 * Return: 0, or -1 with @f; then the call is not answered.
 */
int rebuild_begin(struct agent *agent, struct varlink_call *call, json_object *params,
		  struct fault *f)
{
	if (begin(agent, call, params, json_get_bool(params, "dryRun", false)) == 0)
		return 0;
	return fault_set(f, "InternalFailure", "Out of memory.");
}

/**
 * rebuild_is_due() - do the disks show, at the agent's start, that the catalog is lost or an older one?
 * @scan: before anything is taken in
 */
bool rebuild_is_due(const struct scan_job *scan)
{
	for (size_t i = 0; i < scan->count; i++) {
		const struct volume_header *header = &scan->volumes[i].header;
		const struct cluster *cluster = cluster_find_volume(scan->agent, header->volume_id);
		bool deleted = !strcmp(header->state, "deleted");

		if (cluster ? deleted || is_older_than(cluster, header) : !deleted)
			return true;
	}
	return false;
}

/** rebuild_look() - say in the journal and in the trail what a rebuild would do, and do nothing */
void rebuild_look(struct agent *agent)
{
	if (begin(agent, NULL, NULL, true) < 0)
		log_error("Out of memory.");
}
