// SPDX-License-Identifier: MIT
/*
 * The beginning and the end of operations, and the answer to the client. operation_step.c runs their
 * steps in device threads, question.c asks the KMS, and create.c, attach.c and detach.c have the steps
 * themselves.
 */
#include "agent/work/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/api/reply.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/jobs.h"
#include "agent/catalog/pools.h"
#include "agent/volume/device_events.h"
#include "agent/work/fencing.h"
#include "agent/work/kept_header.h"
#include "agent/work/key_loss.h"
#include "agent/work/state.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

/*
 * For each kind: RDS's name, for the audit trail; the kind of job, if a kill must be repaired; and
 * whether it gives way to a stop.
 */
static const struct {
	const char *api;
	const char *job;
	bool gives_way;
} kinds[] = {
	[OPERATION_CREATE] = { "CreateDBCluster", "create" },
	[OPERATION_START] = { "StartDBCluster", NULL },
	[OPERATION_ACTIVATE] = { "ActivateKey", NULL },
	[OPERATION_STOP] = { "StopDBCluster", NULL },
	[OPERATION_DELETE] = { "DeleteDBCluster", "delete" },
	[OPERATION_RELOCATE] = { "RelocateDBCluster", NULL },
	[OPERATION_CONFIRM_LOSS] = { "ConfirmKeyLoss", NULL },
	[OPERATION_MODIFY] = { "ModifyDBCluster", NULL, true },
	[OPERATION_BACKUP_HEADER] = { "BackupVolumeHeader", NULL, true },
	[OPERATION_RESTORE_HEADER] = { "RestoreVolumeHeader", NULL },
	[OPERATION_SNAPSHOT] = { "CreateDBClusterSnapshot", NULL },
	[OPERATION_RESTORE_SNAPSHOT] = { "RestoreDBClusterFromSnapshot", "create" },
};

/* A pool that the catalog does not have makes each step in it fail with LVM's words. */
static void describe_place(struct operation *op)
{
	const struct cluster *cluster = op->cluster;
	const struct pool *pool = pool_find(op->agent, cluster->in_pool.pool);
	struct thin_volume *thin = &op->job.thin;

	if (!cluster->in_pool.pool[0])
		return;
	if (pool)
		pool_copy(pool, &thin->pool);
	else
		memcpy(thin->pool.name, cluster->in_pool.pool, sizeof(thin->pool.name));
	memcpy(thin->volume_id, cluster->volume_id, sizeof(thin->volume_id));
	memcpy(thin->cluster_id, cluster->id, sizeof(thin->cluster_id));
	memcpy(thin->uuid, cluster->in_pool.uuid, sizeof(thin->uuid));
	thin->bytes = cluster->in_pool.bytes;
}

/* Copies into the job what its steps need of the cluster and the agent. */
static int describe_volume(struct operation *op)
{
	const struct cluster *cluster = op->cluster;
	struct volume_job *job = &op->job;

	job->claim = -1;
	if (text_set(&job->device, cluster->device) < 0 ||
	    text_set(&job->found, cluster_disk_path(cluster)) < 0 ||
	    text_set(&job->disk, cluster->disk) < 0)
		return -1;
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	memcpy(job->cluster_id, cluster->id, sizeof(job->cluster_id));
	memcpy(job->resource_id, cluster->resource_id, sizeof(job->resource_id));
	cluster_key_description(cluster, job->description);
	cluster_device_name(cluster, job->device_name);
	memcpy(job->header_sha256, cluster->header_sha256, sizeof(job->header_sha256));
	job->allow_discards = cluster->allow_discards;
	job->plain = cluster_is_plain(cluster);
	job->mapping = cluster->mapping;
	job->keyring = op->agent->keyring;
	job->lease_ns = agent_lease_ns(op->agent);
	job->stamp = cluster->stamp;
	job->owner = op->agent->host;
	job->fence_end_ns = cluster->reservation.fence_end_ns;
	job->owner.claim = fencing_claim(agent_claim_seconds(op->agent), job->fence_end_ns);
	job->claim_ns = cluster->claim_ns;
	job->fencing = fencing_is_on(op->agent);
	job->reservation.held = cluster->reservation.held;
	job->key_only = op->kind == OPERATION_ACTIVATE;
	describe_place(op);
	return 0;
}

/** operation_api() - RDS's name of the operation */
const char *operation_api(const struct operation *op)
{
	return kinds[op->kind].api;
}

/** operation_free() - wipe and free; the cluster no longer points to it */
void operation_free(struct operation *op)
{
	secret_free(op->job.key);
	free(op->job.blob);
	free(op->job.other);
	free(op->job.backup);
	kept_header_free(op->job.kept);
	free(op->job.device);
	free(op->job.found);
	free(op->job.disk);
	file_close(&op->job.claim);
	jobs_clear(&op->record);
	json_object_put(op->params);
	json_object_put(op->answer);
	free(op);
}

static void record_fault(const struct operation *op, const struct fault *f)
{
	if (op->call)
		audit_api_call(op->agent->audit, kinds[op->kind].api, op->params, op->uid, op->pid,
			       op->cluster, f);
}

/** operation_answer() - record and answer a fault, unless there is no client */
void operation_answer(struct operation *op, const struct fault *f)
{
	record_fault(op, f);
	if (op->call)
		reply_fault(op->call, f);
}

/*
 * The client of an operation gets its answer, and a stop or a deletion has the cluster. What is left of
 * the operation is its step, which a disk may hold.
 *
 * The step does no harm when the disk comes back. It only reads the disk. It can change a table, but the
 * removal of the device takes the table away, and no start makes another device of that name before the
 * step has ended: both are in the lane of the volume.
 */
static void give_way(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	fault_set(&op->fault, "InvalidDBClusterStateFault",
		  "%s of the cluster %s has ended without a result, because the cluster is being stopped or deleted.",
		  kinds[op->kind].api, cluster->id);
	log_warning("Cluster %s: %s", cluster->id, op->fault.message);
	if (op->give_way)
		op->give_way(op);
	operation_answer(op, &op->fault);
	op->call = NULL;
	op->cluster = NULL;
	cluster->held_up[0] = 0;
	cluster->operation = NULL;
	cluster_changed(cluster);
}

/**
 * operation_begin() - occupy a cluster
 * @cluster: without an operation, or with one that gives way to this one
 * @call: to be answered at the end; NULL for none
 * @params: of the call, for the audit trail; borrowed
 *
 * Return: the operation, or NULL when out of memory.
 */
struct operation *operation_begin(struct cluster *cluster, enum operation_kind kind,
				  struct varlink_call *call, json_object *params, struct fault *f)
{
	struct operation *op = calloc(1, sizeof(*op));

	if (!op) {
		fault_set(f, "InternalFailure", "Out of memory.");
		return NULL;
	}
	op->kind = kind;
	op->agent = cluster->agent;
	op->cluster = cluster;
	op->call = call;
	op->params = json_object_get(params);
	op->uid = call ? varlink_call_uid(call) : 0;
	op->pid = call ? varlink_call_pid(call) : 0;
	if (describe_volume(op) < 0) {
		operation_free(op);
		fault_set(f, "InternalFailure", "Out of memory.");
		return NULL;
	}
	op->before = cluster->status;
	memcpy(op->reason, cluster->reason, sizeof(op->reason));
	if (cluster->operation) {
		op->settle = cluster->operation->settle;
		give_way(cluster->operation);
	}
	cluster->operation = op;
	cluster->gives_way = kinds[kind].gives_way;
	return op;
}

/**
 * operation_record() - record that a step is about to begin, so that a later agent can resume it
 * @step: the step
 * @made: path of the device on which the step may leave something, or ""
 *
 * Only for operations whose row of @kinds names a job: a later agent must resume or undo them after
 * a kill. The row in the job table is deleted when the operation ends.
 *
 * Return: 0, or -1 with @op->fault when the catalog did not take it.
 */
int operation_record(struct operation *op, const char *step, const char *made)
{
	struct job *job = &op->record;

	memcpy(job->volume_id, op->cluster->volume_id, sizeof(job->volume_id));
	snprintf(job->kind, sizeof(job->kind), "%s", kinds[op->kind].job);
	snprintf(job->step, sizeof(job->step), "%s", step);
	if (text_set(&job->made, made) < 0)
		return fault_set(&op->fault, "InternalFailure", "Out of memory.");
	if (!job->begun)
		job->begun = time(NULL);
	return jobs_record(op->agent->catalog, job, &op->fault);
}

static void forget_record(struct operation *op)
{
	struct fault f;

	if (op->record.kind[0] && jobs_forget(op->agent->catalog, op->record.volume_id, &f) < 0)
		log_error("%s", f.message);
}

/* Frees the cluster for the next operation, and asks for a look at the devices. */
static void leave(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	void (*passed)(struct cluster * cluster);
	void (*settle)(struct cluster * cluster);

	forget_record(op);
	/* A deleted cluster no longer points to this operation. It is freed after the operation. */
	if (cluster->operation == op) {
		cluster->operation = NULL;
		cluster_changed(cluster);
		key_loss_check(cluster);
	}
	device_events_changed(op->agent);
	device_events_refresh(op->agent);
	passed = op->passed;
	settle = op->settle;
	operation_free(op);
	if (settle)
		settle(cluster);
	if (passed)
		passed(cluster);
}

/**
 * operation_end_early() - end an operation that nobody wants any more, but its undo
 * @why: its fault
 *
 * The operation ends now if it waits for the KMS, and with the step under way otherwise. It opens
 * nothing afterwards.
 */
void operation_end_early(struct operation *op, const struct fault *why)
{
	bool asks = op->question;

	op->ended = true;
	op->fault = *why;
	operation_unask(op);
	if (asks)
		operation_fail(op);
}

/**
 * operation_abandon() - the agent ends in the middle of an operation: wipe and free, no answer
 *
 * The next agent resumes or undoes the work. The device threads have ended, and the client's
 * connection is closed.
 */
void operation_abandon(struct operation *op)
{
	op->cluster->operation = NULL;
	if (op->call)
		varlink_call_release(op->call);
	operation_free(op);
}

/**
 * operation_wipe_waiting() - the agent ends while a disk holds a device thread: wipe the keys
 *
 * The key of an operation in a device thread is not wiped. If the disk came back, the thread would
 * continue with a key of zeros. A device that encrypts with zeros is worse than a key in a freed
 * page.
 */
void operation_wipe_waiting(struct agent *agent)
{
	for (struct cluster *c = agent->clusters; c; c = c->next) {
		struct operation *op = c->operation;

		if (!op || device_thread_runs(agent->devices, op))
			continue;
		secret_free(op->job.key);
		op->job.key = NULL;
	}
}

/** operation_end() - the operation has succeeded: record, answer, free */
void operation_end(struct operation *op)
{
	if (op->call)
		audit_api_call(op->agent->audit, kinds[op->kind].api, op->params, op->uid, op->pid,
			       op->cluster, NULL);
	if (op->call && op->answer)
		varlink_reply(op->call, op->answer);
	else if (op->call)
		reply_cluster(op->call, op->kind == OPERATION_ACTIVATE ? NULL : op->cluster);
	leave(op);
}

/** operation_step_failed() - operation_fail() with the fault of the last device step */
void operation_step_failed(struct operation *op)
{
	op->fault = op->job.fault;
	operation_fail(op);
}

/** operation_fail() - the operation has failed with @op->fault: record, undo, answer, free */
void operation_fail(struct operation *op)
{
	log_warning("Cluster %s: %s failed: %s: %s", op->cluster->id, kinds[op->kind].api,
		    op->fault.code, op->fault.message);
	secret_free(op->job.key);
	op->job.key = NULL;
	if (op->undo) {
		record_fault(op, &op->fault);
		op->undoing = true;
		op->undo(op);
		return;
	}
	operation_answer(op, &op->fault);
	leave(op);
}

/**
 * operation_undone() - the cluster that could not be made is gone: answer, free
 *
 * The answer must not come earlier: a client that has the fault may look for the cluster, or try
 * again with the same name.
 */
void operation_undone(struct operation *op)
{
	forget_record(op);
	if (op->call)
		reply_fault(op->call, &op->fault);
	device_events_changed(op->agent);
	operation_free(op);
}
