// SPDX-License-Identifier: MIT
/*
 * Making a volume: resolve the key, have a data key made, format, bind the wrapped key
 * to the finished header, then attach as any start does.
 *
 * The plaintext of the data key is needed once, for the header's digest, and is wiped
 * right after; attaching asks the KMS again, and so proves that the volume can be opened.
 */
#include "agent/work/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/held_key.h"
#include "agent/lease/kms_call.h"
#include "agent/rules/rules.h"
#include "agent/volume/disks.h"
#include "agent/work/attach.h"
#include "agent/work/operation.h"
#include "agent/work/state.h"
#include "lib/base/base64.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

static void run_seal(struct operation *op)
{
	uint8_t *blob = NULL;
	size_t size = 0;

	if (!op->blob || base64_decode(op->blob, &blob, &size) < 0)
		op->result =
			fault_set(&op->fault, "InternalFailure",
				  "The KMS answered ReEncrypt without a usable CiphertextBlob.");
	else
		op->result = header_set_wrapped_key(op->device, &op->header, blob, size,
						    &op->fault);
	free(blob);
}

static void sealed(struct operation *op)
{
	if (op->result < 0) {
		operation_fail(op);
		return;
	}
	cluster_from_header(op->cluster, &op->header, op->device);
	attach_begin(op);
}

static void take_blob(struct operation *op, json_object *response)
{
	const char *blob = json_get_string(response, "CiphertextBlob");

	free(op->blob);
	op->blob = blob ? strdup(blob) : NULL;
}

static void reencrypted(struct operation *op, json_object *response, struct secret *plaintext)
{
	secret_free(plaintext);
	take_blob(op, response);
	operation_device_step(op, run_seal, sealed);
}

static void run_format(struct operation *op)
{
	const struct cluster *cluster = op->cluster;
	const struct volume_identity identity = {
		.volume_id = cluster->volume_id,
		.cluster_id = cluster->id,
		.db_cluster_resource_id = cluster->resource_id,
		.key_arn = cluster->key_arn,
		.region = cluster->region,
		.account = cluster->account,
		.overwrite = op->overwrite,
	};
	struct stat st;

	/* The KMS was asked meanwhile, for as long as that took. */
	if (stat(op->device, &st) < 0 || st.st_rdev != op->number)
		op->result =
			fault_set(&op->fault, "InvalidParameterValue",
				  "%s has become another device since the cluster's creation began. Nothing was written.",
				  op->device);
	else
		op->result = header_format(op->device, &identity, op->key, &op->header, &op->fault);
	secret_free(op->key);
	op->key = NULL;
	if (op->result == 0)
		op->formatted = true;
}

static void formatted(struct operation *op)
{
	if (op->result < 0) {
		operation_fail(op);
		return;
	}
	memcpy(op->cluster->header_sha256, op->header.header_sha256,
	       sizeof(op->cluster->header_sha256));
	operation_ask(op, "ReEncrypt", kms_seal(op->cluster, op->blob), reencrypted);
}

static void unwrapped(struct operation *op, json_object *response, struct secret *plaintext)
{
	op->key = plaintext;
	if (!plaintext) {
		fault_set(&op->fault, "InternalFailure", "The KMS answered Decrypt without a key.");
		operation_fail(op);
		return;
	}
	operation_device_step(op, run_format, formatted);
}

static void generated(struct operation *op, json_object *response, struct secret *plaintext)
{
	secret_free(plaintext);
	take_blob(op, response);
	if (!op->blob) {
		fault_set(&op->fault, "InternalFailure",
			  "The KMS answered GenerateDataKeyWithoutPlaintext without a key.");
		operation_fail(op);
		return;
	}
	operation_ask(op, "Decrypt", kms_decrypt_new(op->cluster, op->blob), unwrapped);
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
	if (catalog_store(op->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	operation_ask(op, "GenerateDataKeyWithoutPlaintext", kms_generate(cluster), generated);
}

/* ---- giving up ---- */

/* The host has been restarted since, maybe, and names of disks have changed. */
static void erase_wherever_it_is(struct operation *op)
{
	struct disk *disks = NULL;
	size_t count = disks_list(&disks);
	struct fault ignored;

	for (size_t i = 0; i < count && op->result <= 0; i++) {
		if (header_erase_unfinished(disks[i].path, op->cluster->volume_id, &ignored) <= 0)
			continue;
		op->result = 1;
		snprintf(op->device, sizeof(op->device), "%s", disks[i].path);
	}
	free(disks);
}

static void run_erase(struct operation *op)
{
	const char *volume_id = op->cluster->volume_id;

	if (op->formatted)
		op->result = header_erase(op->device, volume_id, &op->undo_fault);
	else
		op->result = header_erase_unfinished(op->device, volume_id, &op->undo_fault);
	if (op->interrupted && op->result <= 0)
		erase_wherever_it_is(op);
}

static void tell_resumed(const struct operation *op)
{
	const char *word = "create-interrupted: enveloped ended before the volume was made";

	if (op->result < 0)
		state_resumed(op->cluster, "%s; what it left on %s cannot be erased: %.200s", word,
			      op->device, op->undo_fault.message);
	else if (op->result)
		state_resumed(op->cluster, "%s; its unfinished header on %s is erased", word,
			      op->device);
	else
		state_resumed(op->cluster, "%s; it left no unfinished header on %s", word,
			      op->device);
}

static void erased(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	struct fault f;

	if (op->interrupted)
		tell_resumed(op);
	else if (op->result < 0)
		log_error("Cluster %s: cannot erase the header of its unfinished volume on %s: %s",
			  cluster->id, op->device, op->undo_fault.message);
	held_key_drop(cluster);
	if (catalog_delete(op->agent->catalog, cluster->volume_id, &f) < 0)
		log_error("%s", f.message);
	cluster_remove(cluster);
	operation_undone(op);
}

/*
 * Leaves nothing of a cluster that could not be made; answers, frees @op and the cluster.
 *
 * Of one whose creation was interrupted, not of one that was finished: that has a wrapped key, and
 * is found by its header.
 */
static void undo(struct operation *op)
{
	operation_device_step(op, run_erase, erased);
}

/* ---- beginning ---- */

/**
 * create_begin() - make the volume of a cluster whose request the rules have passed
 * @op: its cluster is in the agent's list with status creating
 * @key: as asked for: id, ARN or alias
 */
void create_begin(struct operation *op, const char *key)
{
	op->undo = undo;
	snprintf(op->cluster->key_arn, sizeof(op->cluster->key_arn), "%s", key);
	state_set(op->cluster, CLUSTER_CREATING, "%s", "");
	operation_ask(op, "DescribeKey", kms_describe_key(key), described);
}

/** create_resume() - undo a creation that was interrupted; nobody was told that the cluster exists */
void create_resume(struct operation *op)
{
	op->undo = undo;
	undo(op);
}
