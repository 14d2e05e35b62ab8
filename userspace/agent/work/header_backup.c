// SPDX-License-Identifier: MIT
/*
 * Backup and restore of a volume's header. The client has the file; the agent gives and takes the
 * bytes. Without a backup the agent puts back the copy in its catalog. A restore compares the backup
 * with the catalog first, so that no old header resurrects a volume whose key was lost, and then brings
 * the record of a loss in line with the catalog.
 *
 * The owner that the backup names is never restored, because the volume may have moved since. The owner
 * in the old header stays. If the old header is damaged, any host may have the volume in use: the owner
 * is then one that nobody knows, and the next start needs --take-over at the end of a whole claim.
 */
#include "agent/work/header_backup.h"

#include <string.h>

#include "agent/rules/rules.h"
#include "agent/volume/locate.h"
#include "agent/volume/locate_disk.h"
#include "agent/work/fencing.h"
#include "agent/work/kept_header.h"
#include "agent/work/loss_record.h"
#include "agent/work/ownership.h"
#include "agent/work/place.h"
#include "agent/work/release.h"
#include "agent/work/state.h"
#include "lib/base/hex.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/header/block_device.h"
#include "lib/header/header_backup.h"
#include "lib/header/header_owner.h"
#include "lib/header/volume_owner.h"

static int out_of_memory(struct fault *f)
{
	return fault_set(f, "InternalFailure", "Out of memory.");
}

/* ---- backup ---- */

static void run_backup(struct volume_job *job)
{
	uint8_t bytes[HEADER_BACKUP_BYTES];

	/* The volume of a live device is where the start found it. */
	job->result = job->mapping.name[0] ? locate_live_disk(job) : locate_volume(job);
	if (job->result == 0)
		job->result = header_backup_make(job->found, bytes, &job->header, &job->fault);
	if (job->result == 0) {
		job->backup = hex_encode(bytes, sizeof(bytes));
		if (!job->backup)
			job->result = out_of_memory(&job->fault);
	}
}

static void backed_up(struct operation *op)
{
	const struct volume_header *header = &op->job.header;

	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	if (strcmp(header->volume_id, op->cluster->volume_id) ||
	    !cluster_has_header(op->cluster, header)) {
		fault_set(&op->fault, "InvalidVolumeHeader",
			  "The header on %s is not the one that was written for the cluster %s. It is not worth a backup: restore it from an older one.",
			  op->job.found, op->cluster->id);
		operation_fail(op);
		return;
	}
	op->answer = json_object_new_object();
	json_add_string(op->answer, "header", op->job.backup);
	operation_end(op);
}

/** backup_header_begin() - answer with the header of @op's cluster */
void backup_header_begin(struct operation *op)
{
	operation_device_step(op, run_backup, backed_up);
}

/* ---- restore ---- */

static int decode(struct volume_job *job, uint8_t bytes[HEADER_BACKUP_BYTES])
{
	if (job->backup && hex_decode(job->backup, bytes, HEADER_BACKUP_BYTES) == 0)
		return 0;
	return fault_set(&job->fault, "InvalidParameterValue",
			 "A backup of a volume header has %d bytes, in hexadecimal digits.",
			 HEADER_BACKUP_BYTES);
}

static void run_read(struct volume_job *job)
{
	uint8_t bytes[HEADER_BACKUP_BYTES];

	job->result = job->kept ? kept_header_unpack(job, bytes) : decode(job, bytes);
	if (job->result == 0)
		job->result = header_backup_read(bytes, &job->header, &job->fault);
}

/*
 * Replaces the owner in job->header, which is that of the backup. A live host that had the volume reads
 * the unknown owner within its claim, and lets its lease end.
 */
static int choose_owner(struct volume_job *job)
{
	struct volume_owner *owner = &job->header.owner;
	struct volume_header old;
	struct fault ignored;

	if (header_read_claimed(job->found, job->claim, &old, &ignored) < 0)
		*owner = header_owner_unknown(owner->claim > job->owner.claim ? owner->claim
									      : job->owner.claim);
	else if (volume_owner_is_other(&old.owner, job->owner.host) &&
		 !volume_owner_is_unknown(&old.owner))
		return fault_set(&job->fault, "VolumeInUse",
				 "The volume on %s belongs to another host (%s). Nothing was written. Restore the header there.",
				 job->found, old.owner.host);
	else if (locate_is_older_copy(job->disk, job->disk, &old.owner, &job->stamp))
		return fault_set(&job->fault, "InvalidVolumeHeader",
				 "The header on %s can be read, and is older than the volume of the cluster %s: the disk is a copy, or was put back. Nothing was written. Attach the volume's own disk. If the copy is meant: envelope cluster relocate --db-cluster-identifier %s --device %s",
				 job->found, job->cluster_id, job->cluster_id, job->device);
	else
		*owner = old.owner;
	return 0;
}

static void run_restore(struct volume_job *job)
{
	uint8_t bytes[HEADER_BACKUP_BYTES];
	bool read_only = false;

	job->result = decode(job, bytes);
	if (job->result == 0)
		job->result = locate_disk(job);
	if (job->result < 0)
		return;
	job->claim = block_device_claim(job->found, job->number, &read_only, &job->fault);
	if (job->claim < 0)
		job->result = -1;
	else if (choose_owner(job) < 0 ||
		 header_backup_set_owner(bytes, &job->header.owner, &job->fault) < 0)
		job->result = -1;
	else if (fencing_reserve(job) < 0)
		job->result = -1;
	else
		job->result = header_backup_restore(job->found, job->claim, job->volume_id, bytes,
						    &job->fault);
	/* The cluster is not started: another host may start it next. */
	fencing_undo(job);
	if (job->result == 0 && job->keep)
		job->kept = kept_header_pack(bytes, &job->header);
}

/* The claim of the unknown owner begins for this host now. */
static void tell_owner(struct operation *op)
{
	const struct volume_owner *owner = &op->job.header.owner;

	ownership_see(op->agent, &op->job.header);
	if (op->cluster->status == CLUSTER_STOPPED &&
	    volume_owner_is_other(owner, op->agent->host.host))
		state_set(op->cluster, CLUSTER_STOPPED,
			  RELEASE_HEADER_RESTORED
			  ": the damaged header named no owner, so another host may have the volume in use. Stop the cluster there. The first start needs --take-over, which is possible %u seconds after the restore",
			  owner->claim);
}

static void restored(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	log_info("Cluster %s: its header on %s was restored from %s.", cluster->id, op->job.found,
		 op->job.kept && !op->job.keep ? "the catalog's copy" : "a backup");
	cluster->at_path = op->job.at_path;
	if (place_found(cluster, op->job.found, op->job.disk))
		state_save_soon(cluster);
	if (op->job.keep)
		kept_header_record(cluster, op->job.kept);
	/* The record is not written over another owner: what is in line need not wait for a start. */
	if (strcmp(op->job.header.state,
		   cluster_is_inaccessible(cluster) ? cluster_status_name(cluster->status) : ""))
		loss_record_write(cluster);
	tell_owner(op);
	operation_end(op);
}

static void known(struct operation *op)
{
	if (op->job.result < 0) {
		operation_step_failed(op);
	} else if (rules_backup_matches(op->cluster, &op->job.header, &op->fault) < 0) {
		operation_fail(op);
	} else {
		operation_device_step(op, run_restore, restored);
	}
}

/**
 * restore_header_begin() - put a header back to the disk of @op's cluster
 * @backup: from a backup, in hexadecimal digits; NULL: the copy in the catalog
 */
void restore_header_begin(struct operation *op, const char *backup)
{
	if (backup) {
		op->job.backup = strdup(backup);
		op->job.keep = kept_header_is_wanted(op->cluster);
	} else if (kept_header_take(op->cluster, &op->job, &op->fault) < 0) {
		operation_fail(op);
		return;
	}
	operation_device_step(op, run_read, known);
}
