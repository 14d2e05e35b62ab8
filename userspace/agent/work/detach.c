// SPDX-License-Identifier: MIT
/*
 * Stopping and deleting: remove the device, revoke the kernel key, and for a deletion mark or erase
 * the header. A device in use is left as it is.
 */
#include "agent/work/detach.h"

#include <stdio.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/held_key.h"
#include "agent/volume/locate.h"
#include "agent/volume/write_claim.h"
#include "agent/work/fencing.h"
#include "agent/work/operation.h"
#include "agent/work/ownership.h"
#include "agent/work/pool_volume.h"
#include "agent/work/release.h"
#include "agent/work/start_note.h"
#include "agent/work/state.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/header/device_users.h"

#define STATE_DELETED "deleted"
#define STEP_ERASE    "erase-header"
#define STEP_MARK     "mark-header"

/* Reason of the status deleting. Agents without a job table resume by it. */
#define REASON_ERASE STEP_ERASE ": its header is being overwritten"

static void run_forget(struct volume_job *job)
{
	int _cleanup_close_ own = -1;
	int claim = -1;

	job->number = 0;
	if (!job->interrupted && locate_to_erase(job) < 0) {
		job->result = -1;
	} else if (job->foreign) {
		job->result = -1;
	} else if ((claim = write_claim_job(job, job->number, &own)) < 0) {
		job->result = -1;
	} else if (!job->interrupted && fencing_reserve(job) < 0) {
		job->result = -1;
	} else if (job->erase) {
		job->result = header_erase(job->found, claim, job->volume_id, &job->fault);
		/* The agent before this one erased the header, or another disk has the name now. */
		if (job->result < 0 && job->interrupted &&
		    !strcmp(job->fault.code, "InvalidVolumeHeader")) {
			job->result = 0;
			return;
		}
	} else {
		job->result = header_set_state(job->found, claim, job->volume_id, STATE_DELETED,
					       "the cluster was deleted", &job->fault);
	}
	if (job->result == 0)
		fencing_end(job);
	else
		fencing_undo(job);
}

/* The client reads it in the answer: the cluster is deleted, and its disk does not say so. */
static void warn_unmarked(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	log_warning("Cluster %s: cannot mark the header on %s as deleted: %s Should the device come back, so will the cluster.",
		    cluster->id, op->job.found, op->job.fault.message);
	snprintf(cluster->warning, sizeof(cluster->warning),
		 "The header of the volume is not marked as deleted: %.260s When the agent starts, it takes the volume in again.",
		 op->job.fault.message);
}

static void forgotten(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	struct agent *agent = op->agent;
	struct fault f;

	/* A volume that LVM removes needs no mark. A killed agent may have removed it already. */
	if (pool_volume_is_due(op) &&
	    (op->job.result == 0 || !op->job.erase || op->job.interrupted)) {
		pool_volume_remove(op, forgotten);
		return;
	}
	if (op->job.thin.gone)
		op->job.result = 0;
	if (op->job.result < 0 && op->job.erase) {
		state_set(cluster, op->before, "%s", op->reason);
		operation_step_failed(op);
		return;
	}
	if (op->job.result < 0)
		warn_unmarked(op);
	if (op->job.interrupted)
		state_resumed(cluster,
			      "delete-interrupted: enveloped ended in the middle of it; %s%.200s",
			      op->job.result < 0 ? "its header is not marked: " : "finished now",
			      op->job.result < 0 ? op->job.fault.message : "");
	fencing_note(cluster, false);
	if (op->job.warning[0])
		memcpy(cluster->warning, op->job.warning, sizeof(cluster->warning));
	if (catalog_delete(agent->catalog, cluster->volume_id, &f) < 0)
		log_error("%s", f.message);
	else if (op->job.erase)
		catalog_erase_log(agent->catalog);
	pool_volume_forget(op);
	cluster->operation = NULL;
	/* The client's answer comes after the deletion. */
	if (cluster->status == CLUSTER_DELETING)
		snprintf(cluster->reason, sizeof(cluster->reason), "%s",
			 op->job.erase ? "deleted: its header has been overwritten" : "deleted");
	operation_end(op);
	cluster_remove(cluster);
}

/*
 * Writes the catalog before the disk. If the deletion is interrupted, the next agent finishes it. In
 * the other order a cluster could start although its disk says that it was deleted.
 */
static void forget(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	bool recorded;

	op->before = cluster->status;
	memcpy(op->reason, cluster->reason, sizeof(op->reason));
	recorded = operation_record(op, op->job.erase ? STEP_ERASE : STEP_MARK, "") == 0;
	if (!recorded ||
	    state_set(cluster, CLUSTER_DELETING, "%s", op->job.erase ? REASON_ERASE : "") < 0) {
		fault_set(&op->fault, "CatalogUnavailable",
			  "The catalog cannot be written, and nothing was deleted. Read the reason in the journal of enveloped.");
		if (recorded)
			state_set(cluster, op->before, "%s", op->reason);
		operation_fail(op);
		return;
	}
	operation_device_step(op, run_forget, forgotten);
}

static void run_find_owner(struct volume_job *job)
{
	struct fault ignored = { 0 };

	job->result = 0;
	if (header_read(job->found, &job->header, &ignored) < 0)
		job->header = (struct volume_header){ 0 };
}

/*
 * Another host's header is not erased. Without --erase the cluster is forgotten here, and the header
 * stays as it is. A header that cannot be read names no owner: header_erase() decides. A late step has
 * answered with a fault: nothing is deleted.
 */
static void owner_found(struct operation *op)
{
	struct volume_job *job = &op->job;

	if (op->late) {
		operation_end(op);
		return;
	}
	if (job->result < 0) {
		operation_step_failed(op);
		return;
	}
	job->foreign = !strcmp(job->header.volume_id, job->volume_id) &&
		       ownership_check(op->agent, &job->header, job->take_over, &job->fault) < 0;
	if (job->foreign && job->erase)
		operation_step_failed(op);
	else
		forget(op);
}

static void run_remove(struct volume_job *job)
{
	job->result = 0;
	if (!job->mapping.name[0])
		return;
	job->result = mapper_remove(job->mapping.name, &job->fault);
	if (job->result < 0)
		device_users_explain(job->mapping.device, job->mapping.name, &job->fault);
}

/* A key for a bare dmsetup create has claimed the volume without a device. */
static void release(struct operation *op, void (*next)(struct operation *op))
{
	if (op->job.mapping.name[0] || op->job.claim_ns || op->job.reservation.held) {
		release_begin(op, next);
		return;
	}
	op->reason[0] = 0;
	fencing_note(op->cluster, false);
	if (next)
		next(op);
}

/* The reason of a stopped cluster goes too: restart.c starts the cluster by its reason. */
static void set_stopped(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (cluster->status == CLUSTER_AVAILABLE ||
	    (cluster->status == CLUSTER_STOPPED && op->kind == OPERATION_STOP))
		state_set(cluster, CLUSTER_STOPPED, "%s", op->reason);
}

/* Only now: a client that sees the status may start the cluster. */
static void released(struct operation *op)
{
	set_stopped(op);
	operation_end(op);
}

static void removed(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	cluster->mapping = (struct mapping){ 0 };
	held_key_drop(cluster);
	start_note_warning(cluster, "");
	/* A late deletion has answered with a fault: nothing more is deleted. */
	if (op->kind == OPERATION_DELETE && !op->late) {
		release(op, NULL);
		set_stopped(op);
		operation_device_step(op, run_find_owner, owner_found);
	} else {
		release(op, released);
	}
}

/** detach_begin() - stop @op's cluster and, for a deletion, forget it */
void detach_begin(struct operation *op)
{
	operation_removal_step(op, run_remove, removed);
}

/* The key is gone. A device in use stays, failed, until a stop or the next start removes it. */
static void late_removed(struct operation *op)
{
	if (op->job.result < 0) {
		log_warning("Cluster %s: the device of a start that came too late stays, failed: %s",
			    op->cluster->id, op->job.fault.message);
	} else {
		op->cluster->mapping = (struct mapping){ 0 };
		release_begin(op, NULL);
	}
	operation_fail(op);
}

/**
 * detach_late() - a start has opened its volume too late, and its key has been dropped: remove the
 *	device, end the claim and the reservation
 */
void detach_late(struct operation *op)
{
	if (op->job.key_only) {
		release_begin(op, NULL);
		operation_fail(op);
		return;
	}
	op->job.mapping = op->cluster->mapping;
	operation_removal_step(op, run_remove, late_removed);
}

/** detach_resume() - finish a deletion that was interrupted: its cluster has status deleting */
void detach_resume(struct operation *op, const struct job *job)
{
	op->job.erase = !strcmp(job->step, STEP_ERASE);
	operation_device_step(op, run_forget, forgotten);
}
