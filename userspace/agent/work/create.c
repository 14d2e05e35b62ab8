// SPDX-License-Identifier: MIT
/*
 * Making a volume: resolve the key, ask for a data key, format, bind the wrapped key to the finished
 * header, then attach as any start does.
 *
 * The plaintext of the data key is needed once, for the header's digest, and is wiped
 * right after. Attaching asks the KMS again, which proves that the volume can be opened.
 */
#include "agent/work/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/protections.h"
#include "agent/catalog/reaches.h"
#include "agent/catalog/settings.h"
#include "agent/lease/grant.h"
#include "agent/lease/held_key.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/rules/rules.h"
#include "agent/volume/write_claim.h"
#include "agent/work/attach.h"
#include "agent/work/create_erase.h"
#include "agent/work/fencing.h"
#include "agent/work/left_reservation.h"
#include "agent/work/named_device.h"
#include "agent/work/operation.h"
#include "agent/work/place.h"
#include "agent/work/pool_volume.h"
#include "agent/work/state.h"
#include "agent/work/target.h"
#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/header_kms.h"
#include "lib/header/volume_owner.h"

/* Without a record the volume is as good: a later grant writes it. */
static void record_kms(struct volume_job *job)
{
	struct fault f;

	if (job->kms[0] && header_set_kms(job->found, job->claim, job->volume_id, job->owner.host,
					  job->kms, &f) < 0)
		log_warning("Cluster %s: %s", job->cluster_id, f.message);
}

static void run_seal(struct volume_job *job)
{
	uint8_t *blob = NULL;
	size_t size = 0;

	if (!job->blob || base64_decode(job->blob, &blob, &size) < 0)
		job->result =
			fault_set(&job->fault, "InternalFailure",
				  "The KMS answered ReEncrypt without a usable CiphertextBlob.");
	else
		job->result = header_set_state(job->found, job->claim, job->volume_id,
					       VOLUME_STATE_CREATING, "the creation has not ended",
					       &job->fault);
	if (job->result == 0)
		job->result = header_set_wrapped_key(job->found, job->claim, &job->header, blob,
						     size, &job->fault);
	free(blob);
	if (job->result == 0)
		record_kms(job);
}

static void take_header(struct operation *op)
{
	cluster_from_header(op->cluster, &op->job.header);
	if (place_found(op->cluster, op->job.found, op->job.disk))
		state_save_soon(op->cluster);
}

static void sealed(struct operation *op)
{
	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	take_header(op);
	grant_record(op->cluster, &op->answered);
	attach_begin(op);
}

static void take_blob(struct operation *op, json_object *response)
{
	const char *blob = json_get_string(response, "CiphertextBlob");

	free(op->job.blob);
	op->job.blob = blob ? strdup(blob) : NULL;
}

/** create_reencrypted() - the KMS has bound the key to the finished header: write it, and attach */
void create_reencrypted(struct operation *op, json_object *response, struct secret *plaintext)
{
	secret_free(plaintext);
	take_blob(op, response);
	memcpy(op->job.kms, op->answered.kms, sizeof(op->job.kms));
	operation_device_step(op, run_seal, sealed);
}

static void run_format(struct volume_job *job)
{
	const struct volume_identity identity = {
		.volume_id = job->volume_id,
		.cluster_id = job->cluster_id,
		.db_cluster_resource_id = job->resource_id,
		.key_arn = job->key_arn,
		.region = job->region,
		.account = job->account,
		.sector_size = job->sector_size,
		.plain = job->plain,
		.overwrite = job->overwrite,
	};
	char whose[VOLUME_OWNER_TEXT_MAX];
	struct volume_header old;
	struct fault ignored;

	/*
	 * The KMS took its time: the path may name another device by now. The claim keeps this host's
	 * programs away alone: another host may have made a volume meanwhile.
	 */
	if (target_locate(job) < 0)
		job->result = -1;
	else if (header_read(job->found, &old, &ignored) == 0 &&
		 volume_owner_is_other(&old.owner, job->owner.host))
		job->result =
			fault_set(&job->fault, "VolumeInUse",
				  "%s holds the volume of the cluster %s, which %s. Nothing was written. Delete the cluster there with --erase. If that host is gone, adopt the volume here with --take-over first, and delete it with --erase.",
				  job->device, old.cluster_id,
				  volume_owner_text(&old.owner, whose));
	else if (fencing_reserve(job) < 0)
		job->result = -1;
	else
		job->result = header_format(job->found, job->claim, &identity, job->key,
					    &job->header, &job->fault);
	secret_free(job->key);
	job->key = NULL;
	if (job->result == 0)
		job->formatted = true;
}

static void formatted(struct operation *op)
{
	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	memcpy(op->cluster->header_sha256, op->job.header.header_sha256,
	       sizeof(op->cluster->header_sha256));
	if (op->job.plain) {
		take_header(op);
		attach_begin(op);
		return;
	}
	operation_ask(op, "ReEncrypt", kms_seal(op->cluster, op->job.blob), create_reencrypted);
}

/** create_record() - without its row a creation goes on: its status is enough for a later agent */
void create_record(struct operation *op, const char *step, const char *made)
{
	if (operation_record(op, step, made) == 0)
		return;
	log_error("Cluster %s: %s", op->cluster->id, op->fault.message);
	op->fault = (struct fault){ 0 };
}

static void format(struct operation *op)
{
	create_record(op, "format", op->job.device);
	fencing_begin(op->cluster, op->job.disk);
	operation_device_step(op, run_format, formatted);
}

static void unwrapped(struct operation *op, json_object *response, struct secret *plaintext)
{
	if (operation_take_key(op, plaintext))
		format(op);
}

static void generated(struct operation *op, json_object *response, struct secret *plaintext)
{
	secret_free(plaintext);
	take_blob(op, response);
	if (!op->job.blob) {
		fault_set(&op->fault, "InternalFailure",
			  "The KMS answered GenerateDataKeyWithoutPlaintext without a key.");
		operation_fail(op);
		return;
	}
	operation_ask(op, "Decrypt", kms_decrypt_new(op->cluster, op->job.blob), unwrapped);
}

static void described(struct operation *op, json_object *response, struct secret *plaintext)
{
	json_object *metadata = json_get_object(response, "KeyMetadata");
	const char *arn = json_get_string(metadata, "Arn");
	struct cluster *cluster = op->cluster;
	struct key_ref ref;
	struct fault f;

	secret_free(plaintext);
	if (rules_key_metadata(arn, json_get_string(metadata, "KeyState"), cluster->region,
			       &op->fault) < 0) {
		operation_fail(op);
		return;
	}
	key_ref_parse(arn, &ref, NULL);
	snprintf(cluster->key_arn, sizeof(cluster->key_arn), "%s", arn);
	snprintf(cluster->account, sizeof(cluster->account), "%s", ref.account);
	memcpy(op->job.key_arn, cluster->key_arn, sizeof(op->job.key_arn));
	memcpy(op->job.region, cluster->region, sizeof(op->job.region));
	memcpy(op->job.account, cluster->account, sizeof(op->job.account));
	if (catalog_store(op->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	operation_ask(op, "GenerateDataKeyWithoutPlaintext", kms_generate(cluster), generated);
}

/* No KMS has a part in it. */
static void format_plain(struct operation *op)
{
	memcpy(op->job.region, op->cluster->region, sizeof(op->job.region));
	memcpy(op->job.account, op->cluster->account, sizeof(op->job.account));
	format(op);
}

static void taken(struct operation *op)
{
	if (op->job.result < 0)
		operation_step_failed(op);
	else if (target_check(op) < 0)
		operation_fail(op);
	else if (op->job.plain)
		format_plain(op);
	else
		operation_ask(op, "DescribeKey", kms_describe_key(op->cluster->requested_key),
			      described);
}

/* ---- the end ---- */

static void run_settle(struct volume_job *job)
{
	int _cleanup_close_ own = -1;
	int claim = write_claim_job(job, job->number, &own);

	job->result = claim < 0 ? -1
				: header_set_state(job->found, claim, job->volume_id, NULL, NULL,
						   &job->fault);
}

static void settled(struct operation *op)
{
	if (op->job.result < 0 && !op->late) {
		held_key_drop(op->cluster);
		operation_step_failed(op);
		return;
	}
	/* The status has said available for long: a client may have data there. */
	if (op->job.result < 0)
		log_error("Cluster %s: the header on %s still says that the volume is being made: %s",
			  op->cluster->id, op->job.found, op->job.fault.message);
	operation_end(op);
}

/*
 * The catalog has the cluster as available. The header no longer says that it is being made, before a
 * client has the answer: a catalog that is put back later must not let an agent undo this creation.
 */
static void opened(struct operation *op)
{
	operation_device_step(op, run_settle, settled);
}

/* ---- giving up ---- */

static void tell_resumed(const struct operation *op)
{
	const char *word = "create-interrupted: enveloped ended before the volume was made";

	if (op->job.result < 0)
		state_resumed(op->cluster, "%s; what it left on %s cannot be erased: %.200s", word,
			      op->job.found, op->job.fault.message);
	else if (op->job.result)
		state_resumed(op->cluster, "%s; its unfinished header on %s is erased", word,
			      op->job.found);
	else
		state_resumed(op->cluster, "%s; it left no unfinished header on %s", word,
			      op->job.found);
}

/* The disk may have a volume that is no rest of this creation. A look meanwhile left it to the undo. */
static void look_again(struct agent *agent)
{
	agent->take_in = true;
	agent->hooks.disks_changed(agent);
}

static void erased(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	struct fault f;

	if (pool_volume_is_due(op)) {
		pool_volume_remove(op, erased);
		return;
	}
	if (op->job.interrupted)
		tell_resumed(op);
	else if (op->job.result < 0)
		log_error("Cluster %s: cannot erase the header of its unfinished volume on %s: %s",
			  cluster->id, op->job.found, op->job.fault.message);
	held_key_drop(cluster);
	/*
	 * Of an interrupted creation without a header, or an undo that has not run, left_reservation.c
	 * looks for the disk.
	 */
	if (op->job.result > 0 || (!op->job.interrupted && op->job.result == 0))
		fencing_note(cluster, false);
	if (catalog_delete(op->agent->catalog, cluster->volume_id, &f) < 0)
		log_error("%s", f.message);
	pool_volume_forget(op);
	cluster_remove(cluster);
	left_reservation_end(op->agent);
	if (op->job.interrupted && op->job.result <= 0)
		look_again(op->agent);
	operation_undone(op);
}

/*
 * Leaves nothing of a cluster that could not be made; answers, frees @op and the cluster. A header that
 * is finished, and does not say that its creation has not ended, is not erased: the scan finds it.
 */
static void undo(struct operation *op)
{
	operation_device_step(op, create_erase, erased);
}

/* ---- beginning ---- */

/* Neither the catalog nor a disk has anything of the cluster. */
static void forget(struct operation *op)
{
	cluster_remove(op->cluster);
	operation_undone(op);
}

/* A creation has them from its first call to the KMS on, and after a kill. */
static int record_choices(struct operation *op)
{
	const struct cluster *cluster = op->cluster;
	struct catalog *catalog = op->agent->catalog;

	return protections_record(catalog, cluster, &op->fault) ||
			       reaches_record(catalog, cluster->volume_id, &cluster->reach,
					      &op->fault)
		       ? -1
		       : 0;
}

static void begin(struct operation *op)
{
	op->cluster->at_path = op->job.at_path;
	create_record(op, "resolve-key", "");
	operation_device_step(op, target_take, taken);
}

static void volume_made(struct operation *op)
{
	if (op->job.result < 0)
		operation_step_failed(op);
	else
		named_device_check(op, begin);
}

/**
 * create_intend() - write that the cluster is being made, and that it is undone if that fails
 *
 * Return: whether the catalog knows. If not, the operation has failed.
 */
bool create_intend(struct operation *op)
{
	if (record_choices(op) < 0) {
		operation_fail(op);
		return false;
	}
	op->undo = undo;
	/* Without the status no later agent would undo an interrupted creation. */
	if (state_set(op->cluster, CLUSTER_CREATING, "%s", "") < 0 &&
	    catalog_trouble(op->agent->catalog)) {
		op->fault = *catalog_trouble(op->agent->catalog);
		operation_fail(op);
		return false;
	}
	if (op->cluster->allow_discards &&
	    settings_record(op->agent->catalog, op->cluster, &op->fault) < 0) {
		operation_fail(op);
		return false;
	}
	return true;
}

static void begin_on_device(struct operation *op)
{
	if (create_intend(op))
		begin(op);
}

/* The volume is not there before the catalog says why. */
static void begin_in_pool(struct operation *op)
{
	if (!create_intend(op))
		return;
	if (pool_volume_intend(op) < 0) {
		operation_fail(op);
		return;
	}
	create_record(op, "make-volume", "");
	pool_volume_make(op, volume_made);
}

/** create_prepare() - what becomes of an operation that makes a cluster, at its failure or end */
void create_prepare(struct operation *op)
{
	op->undo = forget;
	op->opened = opened;
}

/**
 * create_begin() - make the volume of a cluster whose request the rules have passed
 * @op: its cluster is in the agent's list with status creating
 * @key: as asked for: id, ARN or alias; NULL for a plain cluster
 *
 * Nothing is recorded before the device has been looked up, unless LVM is to make it.
 */
void create_begin(struct operation *op, const char *key)
{
	struct key_ref ref;

	create_prepare(op);
	op->job.plain = !key;
	if (key)
		snprintf(op->cluster->requested_key, sizeof(op->cluster->requested_key), "%s", key);
	if (key && key_ref_parse(key, &ref, NULL) == 0 && ref.kind == KEY_REF_ARN)
		snprintf(op->cluster->key_arn, sizeof(op->cluster->key_arn), "%s", key);
	if (op->job.thin.pool.name[0])
		begin_in_pool(op);
	else
		named_device_check(op, begin_on_device);
}

/**
 * create_resume() - undo a creation that was interrupted: no client has had an answer
 *
 * The killed agent may have given the key to the kernel and made the device.
 */
void create_resume(struct operation *op, const struct job *job)
{
	op->cluster->key = keyring_find(op->agent->keyring, op->job.description);
	held_key_drop(op->cluster);
	/* Without memory the disk is found by its header. */
	if (job->made && job->made[0])
		text_set(&op->job.found, job->made);
	op->undo = undo;
	undo(op);
}
