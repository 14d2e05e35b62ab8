// SPDX-License-Identifier: MIT
/*
 * Runs the steps of operations: in a device thread, at the KMS, and the answer to the client.
 * create.c, attach.c and detach.c have the steps themselves.
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
#include "agent/lease/held_key.h"
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
};

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
	job->mapping = cluster->mapping;
	job->keyring = op->agent->keyring;
	job->lease_ns = agent_lease_ns(op->agent);
	job->stamp = cluster->stamp;
	job->owner = op->agent->host;
	job->owner.claim = agent_claim_seconds(op->agent);
	job->claim_ns = cluster->claim_ns;
	job->fencing = fencing_is_on(op->agent);
	job->reservation.held = cluster->reservation.held;
	job->key_only = op->kind == OPERATION_ACTIVATE;
	return 0;
}

static void operation_free(struct operation *op)
{
	secret_free(op->job.key);
	free(op->job.blob);
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

static void answer(struct operation *op, const struct fault *f);

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
	answer(op, &op->fault);
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

static void step_run(void *data)
{
	struct operation *op = data;

	op->run(&op->job);
}

/*
 * Is the operation to go on after a late step? A stop and a deletion are only finished: the device
 * is gone. So is a modification: it undoes its setting if the step failed. A start must not open a
 * volume after its client got a fault.
 */
static bool goes_on(const struct operation *op)
{
	return op->undoing || op->job.interrupted || op->kind == OPERATION_STOP ||
	       op->kind == OPERATION_DELETE || op->kind == OPERATION_MODIFY;
}

/* A start has opened the volume, and must not have. The device fails with its key. */
static void drop_what_is_open(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	cluster->key = op->job.serial;
	held_key_drop(cluster);
	fencing_note(cluster, op->job.reservation.held);
	if (op->job.key_only)
		return;
	snprintf(cluster->mapping.name, sizeof(cluster->mapping.name), "%s", op->job.device_name);
	cluster->mapping.below = op->job.number;
}

static void step_done(void *data)
{
	struct operation *op = data;

	if (!op->cluster) {
		if (op->left)
			op->left(op);
		operation_free(op);
		return;
	}
	op->cluster->held_up[0] = 0;
	if ((!op->late && !op->ended) || op->settling || goes_on(op)) {
		op->next(op);
		return;
	}
	if (op->job.serial)
		drop_what_is_open(op);
	operation_fail(op);
}

/*
 * The cluster keeps the operation until the step ends, so that no second step touches the device. The
 * client gets its answer now.
 */
static void hold_up(struct operation *op, const struct fault *f)
{
	struct cluster *cluster = op->cluster;

	op->late = true;
	snprintf(cluster->held_up, sizeof(cluster->held_up), "device-timeout: %.380s", f->message);
	log_warning("Cluster %s: %s", cluster->id, f->message);
	/* A start that a stop has ended keeps the fault by which its boot unit does not try again. */
	if (!op->undoing && !op->ended)
		op->fault = *f;
	/* An operation that is being undone has its own fault, which is recorded already. */
	if (!op->undoing)
		answer(op, &op->fault);
	else if (op->call)
		reply_fault(op->call, &op->fault);
	op->call = NULL;
	if (op->passed)
		op->passed(cluster);
	device_events_changed(op->agent);
}

static void step_late(void *data, bool begun)
{
	struct operation *op = data;
	struct fault f;

	if (!op->cluster) {
		if (!begun) {
			op->job.result = -1;
			step_done(op);
		}
		return;
	}
	fault_set(&f, "DeviceTimeout",
		  "%s of the cluster %s has waited for %.200s for more than %u seconds. Nothing else is done with the cluster until the device answers: look at it with 'dmesg', and at udev with 'udevadm settle'.",
		  kinds[op->kind].api, op->cluster->id, op->job.device,
		  op->agent->config.device_timeout_seconds);
	if (begun) {
		hold_up(op, &f);
	} else if (op->ended) {
		/* Its fault is known, and the step must not leave a reason to start again. */
		operation_fail(op);
	} else {
		op->job.result = -1;
		op->job.fault = f;
		op->next(op);
	}
}

/* The cluster of an operation frees it. */
static void step_drop(void *data)
{
	struct operation *op = data;

	if (!op->cluster)
		operation_free(op);
}

static void submit(struct operation *op, const char *lane, void (*run)(struct volume_job *job),
		   void (*next)(struct operation *op))
{
	static const struct device_work step_work = {
		.run = step_run,
		.done = step_done,
		.late = step_late,
		.drop = step_drop,
	};

	op->run = run;
	op->next = next;
	device_thread_submit(op->agent->devices, lane, &step_work, op);
}

/**
 * operation_device_step() - do a step in a device thread
 * @run: called in the device thread; sets the job's result and fault
 * @next: called in the event loop afterwards
 *
 * A step that takes longer than DeviceTimeoutSeconds= ends the client's wait with the fault
 * DeviceTimeout. A step that has not begun by then fails with the same fault.
 *
 * An operation has one step at a time. This function needs no memory of its own. An undo is a step
 * too, and must not fail because memory is short.
 */
void operation_device_step(struct operation *op, void (*run)(struct volume_job *job),
			   void (*next)(struct operation *op))
{
	submit(op, op->cluster->volume_id, run, next);
}

/**
 * operation_removal_step() - operation_device_step() for the removal of the volume's device
 *
 * It touches the device, never the disk, and has a lane of its own: a stamp or a record that a disk
 * does not take must not keep a device from its end.
 */
void operation_removal_step(struct operation *op, void (*run)(struct volume_job *job),
			    void (*next)(struct operation *op))
{
	char lane[DEVICE_LANE_MAX];

	snprintf(lane, sizeof(lane), "%s removal", op->cluster->volume_id);
	submit(op, lane, run, next);
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

static void record_fault(const struct operation *op, const struct fault *f)
{
	if (op->call)
		audit_api_call(op->agent->audit, kinds[op->kind].api, op->params, op->uid, op->pid,
			       op->cluster, f);
}

/* Records and answers a fault, unless there is no client. */
static void answer(struct operation *op, const struct fault *f)
{
	record_fault(op, f);
	if (op->call)
		reply_fault(op->call, f);
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
	answer(op, &op->fault);
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
