// SPDX-License-Identifier: MIT
/*
 * From a header on a disk to a live device: read and check the header, let the KMS unwrap the key
 * under the header's hash, verify the key, give the key to the kernel, make the device. For a plain
 * volume the header is checked against the catalog alone, and nobody is asked.
 *
 * The agent builds the table from the copy of the header that it hashed, never from a second read:
 * the disk may return other bytes the next time.
 */
#include "agent/work/attach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lease/grant.h"
#include "agent/lease/held_key.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/lease/renewal.h"
#include "agent/rules/owner_rules.h"
#include "agent/rules/rules.h"
#include "agent/volume/locate.h"
#include "agent/volume/write_claim.h"
#include "agent/work/catalog_witness.h"
#include "agent/work/detach.h"
#include "agent/work/disk_wait.h"
#include "agent/work/fencing.h"
#include "agent/work/kept_header.h"
#include "agent/work/key_loss.h"
#include "agent/work/kms_record.h"
#include "agent/work/length.h"
#include "agent/work/loss_record.h"
#include "agent/work/operation.h"
#include "agent/work/ownership.h"
#include "agent/work/place.h"
#include "agent/work/plain_claim.h"
#include "agent/work/stamp.h"
#include "agent/work/start_note.h"
#include "agent/work/state.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"
#include "lib/header/device_users.h"

/* Seconds that a key for a bare `dmsetup create` may wait for its device. */
#define AWAIT_DEVICE_S 60

/* A write-protected disk is not reserved: nobody writes to it. */
static int reserve(struct volume_job *job)
{
	return block_device_is_protected(job->found) ? 0 : fencing_reserve(job);
}

static void run_attach(struct volume_job *job)
{
	const struct device_table table = {
		.name = job->device_name,
		.header = &job->header,
		.device = job->found,
		.number = job->number,
		.read_only = job->read_only,
		.allow_discards = job->allow_discards,
		.description = job->description,
	};
	_cleanup_text_ char *path = NULL;
	bool claimed;

	job->result = job->plain
			      ? 0
			      : header_verify_key(job->found, &job->header, job->key, &job->fault);
	if (job->result == 0)
		job->result = reserve(job);
	if (job->result == 0)
		job->result = ownership_claim(job);
	claimed = job->result == 0 && job->claim_ns;
	if (job->result == 0 && job->keep)
		job->kept = kept_header_make(job->found);
	if (job->result == 0 && !job->plain)
		job->result = keyring_add(job->keyring, job->description, job->key, job->lease_ns,
					  lease_deadline(job->asked_ns, job->lease_ns),
					  &job->serial, &job->fault);
	secret_free(job->key);
	job->key = NULL;
	if (job->result == 0 && !job->key_only) {
		file_close(&job->claim);
		job->result = mapper_create(&table, &job->fault);
		if (job->result < 0 && !job->plain)
			keyring_revoke(job->keyring, job->serial);
	}
	job->opened = job->result == 0;
	if (job->result < 0) {
		job->serial = 0;
		file_close(&job->claim);
		/* Beside a key alone there may be a device of an earlier start. */
		if (claimed && !job->key_only)
			ownership_release(job);
		fencing_undo(job);
	}
	if (job->result < 0 || job->key_only)
		return;
	path = mapper_path(job->device_name);
	if (path)
		file_system_warning(path, job->header.sector_size, job->warning);
}

/*
 * The renewals of a live cluster continue while an operation asks for its key again. If the KMS has
 * refused a renewal in the meantime, the operation's answer may be older than the refusal. Such an
 * answer must not undo the loss of the key.
 */
static bool denied_meanwhile(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (!cluster_is_inaccessible(cluster) || cluster->status == op->before)
		return false;
	fault_set(&op->fault, "KMSKeyNotAccessibleFault",
		  "The KMS refused the key of the cluster %s while it was being asked for: %.300s",
		  cluster->id, cluster->reason);
	return true;
}

static const char *reason_of(const struct operation *op)
{
	if (op->kind == OPERATION_ACTIVATE)
		return "key-activated: for a bare dmsetup create";
	if (op->call)
		return "";
	/* No client asked for it: see restart.c. */
	return rules_waits_for_disk(op->cluster)
		       ? "restarted: its disk has come"
		       : "restarted: its lease had ended without an answer of the KMS";
}

/* The cluster has its new device, and what was found on it. */
static void show_device(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	snprintf(cluster->mapping.name, sizeof(cluster->mapping.name), "%s", op->job.device_name);
	cluster->mapping.below = op->job.number;
	cluster->mapping.allow_discards = op->job.allow_discards;
	start_note_warning(cluster, op->job.warning);
	if (cluster->warning[0])
		log_warning("Cluster %s: %s", cluster->id, cluster->warning);
}

/* The next agent undoes a creation that is not available in the catalog: nobody may have data there. */
static void take_opened(struct operation *op, bool kept)
{
	if (kept) {
		op->settling = true;
		op->opened(op);
		return;
	}
	held_key_drop(op->cluster);
	fault_set(&op->fault, "CatalogUnavailable",
		  "The catalog cannot be written, and no volume was made. Read the reason in the journal of enveloped.");
	operation_fail(op);
}

static void attached(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	bool recorded, kept;

	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	cluster->key = op->job.serial;
	cluster->claim_ns = op->job.claim_ns;
	fencing_note(cluster, op->job.reservation.held);
	if (denied_meanwhile(op)) {
		held_key_drop(cluster);
		operation_fail(op);
		return;
	}
	cluster_from_header(cluster, &op->job.header);
	place_found(cluster, op->job.found, op->job.disk);
	cluster->at_path = op->job.at_path;
	if (op->kind != OPERATION_ACTIVATE)
		length_seen(cluster, op->job.header.data_sectors);
	if (op->job.claim_ns)
		stamp_written(cluster, &op->job.owner);
	recorded = cluster->denied_since || op->job.header.state[0];
	key_loss_undone(cluster);
	if (op->kind == OPERATION_ACTIVATE)
		cluster->awaits_device_ns = lease_now() + AWAIT_DEVICE_S * NS_PER_S;
	else
		show_device(op);
	cluster->mapping.live = true;
	cluster->mapping.read_only = op->job.read_only;
	cluster->mapping.lease_length = op->agent->config.lease_seconds;
	cluster->renewal.last_error[0] = 0;
	if (cluster_is_plain(cluster))
		plain_claim_start(cluster);
	else
		renewal_start(cluster, lease_deadline(op->job.asked_ns, agent_lease_ns(op->agent)),
			      true);
	/* Saved together with the place, the stamp, the start and the grant of the header. */
	if (op->kind == OPERATION_START)
		start_note(cluster, op->job.at_boot, op->job.read_only_asked);
	kept = state_set(cluster, CLUSTER_AVAILABLE, "%s", reason_of(op)) == 0;
	kept_header_record(cluster, op->job.kept);
	if (!cluster_is_plain(cluster))
		grant_record(cluster, &op->answered);
	if (op->opened) {
		take_opened(op, kept);
		return;
	}
	/* The status is final now, so it is written to the disk. */
	if (!loss_record_refute(cluster) && recorded)
		loss_record_write(cluster);
	kms_record_write(cluster);
	operation_end(op);
}

static void unwrapped(struct operation *op, json_object *response, struct secret *plaintext)
{
	if (operation_take_key(op, plaintext))
		operation_device_step(op, run_attach, attached);
}

/*
 * Refuses a header that is not the one written for this cluster, and a catalog that would have the KMS
 * asked for another key. The KMS checks the rest. The hash does not cover the wrapped key, so this
 * function compares the wrapped key too. The KMS would deny a changed wrapped key: one changed byte on
 * the disk would lose the cluster permanently. The disk must not have become shorter.
 */
static int check_header(struct operation *op)
{
	const struct cluster *cluster = op->cluster;
	struct fault damage;

	if (!cluster_has_header(cluster, &op->job.header))
		return fault_set(&op->fault, "InvalidVolumeHeader",
				 "The header on %s is not the one that was written for the cluster %s: somebody changed it. Nothing was unlocked. Restore the header: envelope header restore --db-cluster-identifier %s, or from a backup with --file FILE",
				 op->job.found, cluster->id, cluster->id);
	if (catalog_witness_compare(cluster, &op->job.header, &damage) < 0)
		return fault_set(&op->fault, "CatalogDamaged", "The cluster %s was not started: %s",
				 cluster->id, damage.message);
	return length_check(cluster, &op->job.header, op->job.found, &op->fault);
}

static void ask_for_key(struct operation *op)
{
	const struct volume_job *job = &op->job;

	if (job->plain) {
		operation_device_step(op, run_attach, attached);
		return;
	}
	if (grant_from_header(op->cluster, &job->header))
		state_save_soon(op->cluster);
	loss_record_doubt(op->cluster, &job->header);
	if (rules_region(job->header.region, op->agent->config.region, &op->fault) < 0) {
		operation_fail(op);
		return;
	}
	operation_ask(op, "Decrypt",
		      kms_decrypt(op->cluster, job->header.wrapped_key,
				  job->header.wrapped_key_size, job->header.header_sha256, false),
		      unwrapped);
}

static void fenced(struct operation *op)
{
	/* Of a step that has not begun, too. */
	fencing_learn(op->cluster, &op->job);
	if (op->job.result < 0)
		operation_step_failed(op);
	else
		ask_for_key(op);
}

static void run_expel(struct volume_job *job)
{
	int _cleanup_close_ own = -1;
	int claim = write_claim_job(job, job->number, &own);

	/* The new stamp must be later than each that this host has written, whatever the clock says. */
	memcpy(job->owner.time, job->stamp.time, sizeof(job->owner.time));
	job->result = claim < 0
			      ? -1
			      : fencing_expel(job->found, claim, job->volume_id, &job->header.owner,
					      &job->owner, &job->fence_end_ns, &job->fault);
	job->owner.claim = fencing_claim(job->owner.claim, job->fence_end_ns);
	job->reservation.held |= job->result == 0;
}

static void expel(struct operation *op)
{
	struct volume_job *job = &op->job;

	job->fence_s = fencing_claim(job->header.owner.claim, job->fence_end_ns);
	if (fencing_announce(op->agent, job->volume_id, job->disk ? job->disk : "", job->fence_s,
			     &op->fault) < 0)
		operation_fail(op);
	else
		operation_device_step(op, run_expel, fenced);
}

static void header_known(struct operation *op)
{
	struct volume_job *job = &op->job;

	if (job->result < 0) {
		disk_wait_begin(op);
		operation_step_failed(op);
		return;
	}
	if (check_header(op) < 0) {
		operation_fail(op);
		return;
	}
	/* Nothing is asked or written for a volume that another host may have in use. */
	if (ownership_check(op->agent, &job->header, job->take_over, &job->fault) == 0)
		ask_for_key(op);
	else if (rules_may_fence(&job->header.owner, job->take_over, job->fencing))
		expel(op);
	else
		operation_step_failed(op);
}

/* A creation has the disk already. */
static int claim(struct volume_job *job)
{
	bool protected = false;

	if (job->claim < 0)
		job->claim = block_device_claim(job->found, job->number, &protected, &job->fault);
	else if (block_device_check_claim(job->claim, job->found, job->number, &protected,
					  &job->fault) < 0)
		return -1;
	job->read_only = protected || job->read_only_asked;
	return job->claim < 0 ? -1 : 0;
}

static void run_read_header(struct volume_job *job)
{
	if (job->stale) {
		job->result = mapper_remove(job->mapping.name, &job->fault);
		if (job->result < 0) {
			device_users_explain(job->mapping.device, job->mapping.name, &job->fault);
			return;
		}
	}
	job->result = locate_volume(job);
	/* The key alone makes no device: the device may be there already, or is about to be made. */
	if (job->result < 0 || job->key_only)
		return;
	job->result = claim(job);
}

/**
 * attach_begin() - open the volume of @op's cluster
 *
 * A failed device that is left over is removed first. OPERATION_ACTIVATE makes no device: its
 * client is about to make one.
 */
void attach_begin(struct operation *op)
{
	op->job.stale = op->job.mapping.name[0] && !op->job.mapping.live &&
			op->kind != OPERATION_ACTIVATE;
	op->disk_moments = op->agent->disk_moments;
	op->job.keep = kept_header_is_wanted(op->cluster);
	/* The end of a take-over's reservation would give the disk back to a host that it has fenced. */
	op->close = op->undo || op->job.take_over ? NULL : detach_late;
	operation_device_step(op, run_read_header, header_known);
}
