// SPDX-License-Identifier: MIT
/*
 * Changes what can be changed of a cluster: its settings. A live device gets a new table in place of
 * the old one, with the same key, while it is in use. The catalog is written first: after a kill the
 * next start has the new setting.
 *
 * A live cluster gets a profile or an endpoint only with a KMS that would renew its lease there.
 */
#include "agent/work/modify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/protections.h"
#include "agent/catalog/reaches.h"
#include "agent/catalog/settings.h"
#include "agent/lease/renewal.h"
#include "agent/trial.h"
#include "agent/volume/device_events.h"
#include "agent/volume/locate_disk.h"
#include "agent/work/length.h"
#include "agent/work/pool_volume.h"
#include "agent/work/state.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define UNIT 4096 /* bytes; a rest that fits no sector of a volume is no room to grow into */

/*
 * Reads the header of the disk below the device. The KMS has proved the header with the hash in the
 * catalog; only this header may go into a table.
 */
static int read_header(struct volume_job *job)
{
	struct mapping now;

	if (!mapper_find(job->mapping.name, &now) || !now.live)
		return fault_set(&job->fault, "InvalidDBClusterStateFault",
				 "The device of the cluster %s has failed or is not there. Start the cluster again.",
				 job->cluster_id);
	job->mapping = now;
	if (locate_live_disk(job) < 0 || header_read(job->found, &job->header, &job->fault) < 0)
		return -1;
	if (strcmp(job->header.header_sha256, job->header_sha256))
		return fault_set(&job->fault, "InvalidVolumeHeader",
				 "The header on %s is not the one that was written for the cluster %s: somebody changed it. The device stays as it is. Stop the cluster, and restore the header: envelope header restore --db-cluster-identifier %s, or from a backup with --file FILE",
				 job->found, job->cluster_id, job->cluster_id);
	return 0;
}

/* The header has been read after the disk shrank: the kernel would refuse a table beyond its end. */
static int check_length(struct volume_job *job)
{
	if (job->header.data_sectors >= job->mapping.sectors)
		return 0;
	return fault_set(&job->fault, "InvalidDBClusterStateFault",
			 "The disk %s has become shorter: the volume of the cluster %s has %" PRIu64
			 " bytes, and the disk has room for %" PRIu64
			 " of them. The device stays as it is. Make the disk as long as it was (lvextend, a larger LUN, losetup -c), then try again.",
			 job->found, job->cluster_id, job->mapping.sectors * 512,
			 job->header.data_sectors * 512);
}

/* The header has been read after the disk grew: it knows the length of the disk as it is now. */
static int check_growth(struct volume_job *job)
{
	if (job->header.data_size)
		return fault_set(&job->fault, "InvalidParameterCombination",
				 "The header on %s fixes the size of the volume: the cluster %s cannot grow. Copy its data into a larger cluster.",
				 job->found, job->cluster_id);
	if (job->header.data_sectors <= job->mapping.sectors)
		return fault_set(&job->fault, "InvalidParameterCombination",
				 "The disk %s has no more bytes than the volume of the cluster %s. Make the disk longer first (lvextend, losetup -c), then try again.",
				 job->found, job->cluster_id);
	return 0;
}

static void run_reload(struct volume_job *job)
{
	struct device_table table = {
		.name = job->mapping.name,
		.header = &job->header,
		.allow_discards = job->allow_discards,
		.description = job->description,
	};

	job->result = read_header(job);
	if (job->result == 0)
		job->result = check_length(job);
	if (job->result == 0 && job->grow)
		job->result = check_growth(job);
	if (job->result < 0)
		return;
	if (!job->grow)
		job->header.data_sectors = job->mapping.sectors;
	/* Only now: the look for the volume has found its path anew. */
	table.device = job->found;
	table.number = job->mapping.below;
	table.read_only = job->mapping.read_only;
	job->result = mapper_reload(&table, &job->fault);
}

static int record_protection(struct cluster *cluster, bool protection, struct fault *f)
{
	bool before = cluster->deletion_protection;

	if (protection == before)
		return 0;
	cluster->deletion_protection = protection;
	if (protections_record(cluster->agent->catalog, cluster, f) == 0)
		return 0;
	cluster->deletion_protection = before;
	return -1;
}

static int record_discards(struct cluster *cluster, bool allow_discards, struct fault *f)
{
	bool before = cluster->allow_discards;

	if (allow_discards == before)
		return 0;
	cluster->allow_discards = allow_discards;
	if (settings_record(cluster->agent->catalog, cluster, f) == 0)
		return 0;
	cluster->allow_discards = before;
	return -1;
}

/*
 * The next call to the KMS is made with it, and a lease is renewed at once: the renewals of a wrong
 * address wait longer and longer. A call under way keeps what it was begun with.
 */
static int record_reach(struct cluster *cluster, const struct reach *reach, struct fault *f)
{
	if (!strcmp(reach->profile, cluster->reach.profile) &&
	    !strcmp(reach->endpoint, cluster->reach.endpoint))
		return 0;
	if (reaches_record(cluster->agent->catalog, cluster->volume_id, reach, f) < 0)
		return -1;
	cluster->reach = *reach;
	if (cluster->key && cluster->renewal.timer)
		renewal_start(cluster, cluster->deadline_ns, false);
	return 0;
}

/* Memory has the setting even if the catalog does not take it: a table is made by memory. */
static void return_discards(struct cluster *cluster, bool allow_discards)
{
	struct fault f;

	if (record_discards(cluster, allow_discards, &f) == 0)
		return;
	log_error("Cluster %s: %s", cluster->id, f.message);
	cluster->allow_discards = allow_discards;
}

/* The client gets a fault: nothing that it asked for stays. */
static void put_back(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	struct fault f;

	return_discards(cluster, op->had.allow_discards);
	if (record_protection(cluster, op->had.deletion_protection, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	if (record_reach(cluster, &op->had.reach, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

static void give_way(struct operation *op)
{
	put_back(op);
	op->cluster->reloads_left++;
}

/* The catalog follows a device whose table has changed after the modification had given way. */
static void follow_device(struct cluster *cluster)
{
	bool allow_discards = cluster->mapping.allow_discards;

	if (!cluster->mapping.name[0] || cluster->allow_discards == allow_discards)
		return;
	log_info("Cluster %s: its device has changed after all.", cluster->id);
	return_discards(cluster, allow_discards);
	device_events_refresh(cluster->agent);
}

/*
 * A stop or a deletion came first. If it fails, because the device is in use, the device has the new
 * table. The operation under way may be the one that is about to fail.
 */
static void left(struct operation *op)
{
	struct cluster *cluster = cluster_find_volume(op->agent, op->job.volume_id);

	if (!cluster)
		return;
	if (cluster->reloads_left)
		cluster->reloads_left--;
	if (op->job.result < 0 || !cluster->mapping.name[0])
		return;
	cluster->mapping.allow_discards = op->job.allow_discards;
	cluster_changed(cluster);
	if (cluster->operation)
		cluster->operation->settle = follow_device;
	else
		follow_device(cluster);
}

static void reloaded(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (op->job.result == 0 && op->job.grow)
		log_info("Cluster %s: its device has grown from %" PRIu64 " to %" PRIu64
			 " sectors of 512 bytes.",
			 cluster->id, op->job.mapping.sectors, op->job.header.data_sectors);
	if (op->job.result == 0) {
		cluster->mapping.allow_discards = op->job.allow_discards;
		/* The look at the devices that is under way may have been before. */
		cluster->mapping.sectors = op->job.header.data_sectors;
		if (op->job.grow)
			cluster->mapping.growable = 0;
		if (length_seen(cluster, op->job.header.data_sectors))
			state_save_soon(cluster);
		state_flush(op->agent);
		operation_end(op);
		return;
	}
	put_back(op);
	operation_step_failed(op);
}

/*
 * Is the device to get a new table? Also if its table differs from the catalog, or may come to differ:
 * the step of a modification that gave way is ahead in the lane.
 */
static bool table_changes(const struct cluster *cluster, const struct modify_request *request)
{
	bool allow = request->allow_discards;

	if (!cluster->mapping.name[0] || !cluster->mapping.live)
		return false;
	if (request->grow || allow != cluster->allow_discards)
		return true;
	return request->sets_discards &&
	       (allow != cluster->mapping.allow_discards || cluster->reloads_left);
}

/* struct asked - what waits for the KMS; freed with its answer */
struct asked {
	struct operation *op;
	struct modify_request request;
};

static void reload(struct operation *op)
{
	op->give_way = give_way;
	op->left = left;
	operation_device_step(op, run_reload, reloaded);
}

/*
 * The volume in the pool is longer. Its device takes all of it, while it is in use; a stopped
 * cluster takes it at its next start.
 */
static void storage_grown(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	const uint64_t end = cluster->mapping.start + cluster->mapping.sectors;
	bool live = cluster->mapping.name[0] && cluster->mapping.live;

	if (op->job.result < 0) {
		put_back(op);
		operation_step_failed(op);
		return;
	}
	log_info("Cluster %s: its volume in the pool %s has %" PRIu64 " bytes.", cluster->id,
		 cluster->in_pool.pool, cluster->in_pool.bytes);
	op->job.grow = live && cluster->in_pool.bytes >= end * 512 + UNIT;
	if (op->job.grow || (live && op->job.allow_discards != cluster->mapping.allow_discards))
		reload(op);
	else
		operation_end(op);
}

static void change(struct operation *op, const struct modify_request *request)
{
	struct cluster *cluster = op->cluster;
	bool changes = table_changes(cluster, request);

	if (record_reach(cluster, &request->reach, &op->fault) < 0 ||
	    record_protection(cluster, request->deletion_protection, &op->fault) < 0 ||
	    record_discards(cluster, request->allow_discards, &op->fault) < 0) {
		put_back(op);
		operation_fail(op);
		return;
	}
	op->job.allow_discards = request->allow_discards;
	op->job.grow = request->grow;
	op->give_way = put_back;
	if (request->bytes)
		pool_volume_grow(op, request->bytes, storage_grown);
	else if (changes)
		reload(op);
	else
		operation_end(op);
}

/* The KMS has been asked. A stop or a deletion may have come first. */
static void judged(void *userdata, const struct fault *f)
{
	struct asked *asked = userdata;
	struct operation *op = asked->op;

	if (!op->cluster) {
		operation_free(op);
	} else if (f->code[0]) {
		op->fault = *f;
		operation_fail(op);
	} else {
		change(op, &asked->request);
	}
	free(asked);
}

/* The agent ends. An operation that still has its cluster is freed with the cluster. */
static void drop_asked(void *userdata)
{
	struct asked *asked = userdata;

	if (!asked->op->cluster)
		operation_free(asked->op);
	free(asked);
}

/**
 * modify_begin() - change @op's cluster
 * @request: what is to be; the deletion protection counts when the catalog has it
 *
 * Only a live device can grow.
 */
void modify_begin(struct operation *op, const struct modify_request *request)
{
	static const struct trial_of_way way = { .done = judged, .drop = drop_asked };
	struct cluster *cluster = op->cluster;
	struct asked *asked = malloc(sizeof(*asked));
	int r;

	op->had.deletion_protection = cluster->deletion_protection;
	op->had.allow_discards = cluster->allow_discards;
	op->had.reach = cluster->reach;
	if (!asked) {
		fault_set(&op->fault, "InternalFailure", "Out of memory.");
		operation_fail(op);
		return;
	}
	*asked = (struct asked){ .op = op, .request = *request };
	r = trial_of_way(cluster, &request->reach, &way, asked, &op->fault);
	if (r > 0)
		return;
	free(asked);
	if (r == 0)
		change(op, request);
	else
		operation_fail(op);
}
