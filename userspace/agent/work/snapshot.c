// SPDX-License-Identifier: MIT
/*
 * Makes a snapshot, as an operation of its cluster. The catalog has the row of the snapshot before LVM
 * makes it: the next agent removes what a killed one has left half-made, see snapshot_removal.c.
 *
 * Must never show a snapshot as available before its row says so.
 */
#include "agent/work/snapshot.h"

#include <string.h>

#include "agent/api/snapshot_json.h"
#include "agent/work/snapshot_removal.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

static void run_make(struct volume_job *job)
{
	job->result = thin_snapshot_make(&job->snapshot, &job->fault);
}

static void run_unmake(struct volume_job *job)
{
	struct fault f;

	job->snapshot.left = thin_snapshot_remove(&job->snapshot, &f) < 0;
	if (job->snapshot.left)
		log_error("Snapshot %s: %s", job->snapshot.name, f.message);
	job->result = -1;
}

static struct snapshot *of(const struct operation *op)
{
	return snapshot_find_id(op->agent, op->job.snapshot.id);
}

/* Nothing of it is whole. A step that was late has given the client its fault. */
static void not_made(struct operation *op)
{
	struct snapshot *s = of(op);

	s->busy = false;
	s->status = SNAPSHOT_DELETING;
	if (!op->job.snapshot.left)
		snapshot_forget(op->agent, s);
	if (op->late)
		operation_fail(op);
	else
		operation_step_failed(op);
}

static void made(struct operation *op)
{
	struct snapshot *s = of(op);
	const struct thin_snapshot *thin = &op->job.snapshot;

	if (op->job.result < 0) {
		not_made(op);
		return;
	}
	memcpy(s->in_pool.uuid, thin->uuid, sizeof(s->in_pool.uuid));
	s->in_pool.bytes = thin->bytes;
	s->held_ms = thin->held_ms;
	s->status = SNAPSHOT_AVAILABLE;
	if (op->late || snapshots_record(op->agent->catalog, s, &op->job.fault) < 0) {
		s->status = SNAPSHOT_CREATING;
		operation_pool_step(op, run_unmake, not_made);
		return;
	}
	s->busy = false;
	log_info("Cluster %s: snapshot %s; its writes were held for %u milliseconds.",
		 op->cluster->id, s->name, s->held_ms);
	op->answer = json_object_new_object();
	json_add_object(op->answer, "snapshot", snapshot_to_json(s));
	operation_end(op);
}

/**
 * snapshot_begin() - make a snapshot of @op's cluster, which the rules allow
 * @name: valid, and of no other snapshot
 */
void snapshot_begin(struct operation *op, const char *name)
{
	struct cluster *cluster = op->cluster;
	struct snapshot *s = snapshot_new(cluster, name);
	struct thin_snapshot *thin = &op->job.snapshot;

	if (!s) {
		fault_set(&op->fault, "InternalFailure", "Out of memory.");
		operation_fail(op);
		return;
	}
	if (snapshots_record(op->agent->catalog, s, &op->fault) < 0) {
		snapshot_free(s);
		operation_fail(op);
		return;
	}
	snapshot_add(op->agent, s);
	s->busy = true;
	snapshot_copy(op->agent, s, thin);
	memcpy(thin->origin, cluster->in_pool.uuid, sizeof(thin->origin));
	thin->hold_ms = op->agent->config.snapshot_hold_seconds * 1000;
	if (cluster->mapping.name[0] && cluster->mapping.live)
		memcpy(thin->device, cluster->mapping.name, sizeof(thin->device));
	operation_pool_step(op, run_make, made);
}
