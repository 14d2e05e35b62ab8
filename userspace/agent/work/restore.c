// SPDX-License-Identifier: MIT
/*
 * From a snapshot to a new cluster under the same key: a thin volume that shares the blocks of the
 * snapshot, a header of its own, and the wrapped key bound to this header inside the KMS. create.c
 * has the steps after that, and the undo.
 *
 * The KMS proves the header of the snapshot: it re-wraps the key only with the hash of the header
 * that the key was bound to. Must never ask the KMS for the plaintext before the new header is
 * bound.
 */
#include "agent/work/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/kms_call.h"
#include "agent/work/create.h"
#include "agent/work/fencing.h"
#include "agent/work/named_device.h"
#include "agent/work/pool_volume.h"
#include "agent/work/target.h"
#include "lib/base/base64.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"
#include "lib/header/header_restore.h"

/*
 * The header of the snapshot must be the one that the catalog knew when the snapshot was made. The
 * hash does not cover the wrapped key.
 */
static int check_source(struct volume_job *job)
{
	char *wrapped = NULL;
	bool same;

	if (header_read_claimed(job->found, job->claim, &job->source, &job->fault) < 0)
		return -1;
	wrapped = base64_encode(job->source.wrapped_key, job->source.wrapped_key_size);
	same = wrapped && job->blob && !strcmp(wrapped, job->blob) &&
	       !strcmp(job->source.header_sha256, job->header_sha256) &&
	       !strcmp(job->source.volume_id, job->snapshot.volume_id);
	free(wrapped);
	if (same)
		return 0;
	return fault_set(&job->fault, "InvalidVolumeHeader",
			 "The header in the snapshot %s is not the one that the volume %s had when the snapshot was made: somebody changed it. Nothing was restored. Use another snapshot.",
			 job->snapshot.name, job->snapshot.volume_id);
}

/* The volume is this host's alone from here on: its name says that it is not that of the old cluster. */
static void run_rename(struct volume_job *job)
{
	const struct volume_identity identity = {
		.volume_id = job->volume_id,
		.cluster_id = job->cluster_id,
		.db_cluster_resource_id = job->resource_id,
		.key_arn = job->key_arn,
		.region = job->region,
		.account = job->account,
		.sector_size = job->source.sector_size,
	};

	if (target_locate(job) < 0 || fencing_reserve(job) < 0)
		job->result = -1;
	else
		job->result = header_restore_identity(job->found, job->claim, &job->source,
						      &identity, &job->header, &job->fault);
	if (job->result == 0)
		job->formatted = true;
}

static void renamed(struct operation *op)
{
	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	memcpy(op->cluster->header_sha256, op->job.header.header_sha256,
	       sizeof(op->cluster->header_sha256));
	operation_ask(op, "ReEncrypt", kms_rewrap(op->cluster, &op->job.source),
		      create_reencrypted);
}

static void rename_volume(struct operation *op)
{
	const struct cluster *cluster = op->cluster;

	memcpy(op->job.key_arn, cluster->key_arn, sizeof(op->job.key_arn));
	memcpy(op->job.region, cluster->region, sizeof(op->job.region));
	memcpy(op->job.account, cluster->account, sizeof(op->job.account));
	create_record(op, "format", op->job.device);
	fencing_begin(op->cluster, op->job.disk);
	operation_device_step(op, run_rename, renamed);
}

/* A path of LVM may lead to another disk by now: the claim is of the one that was checked. */
static void run_take(struct volume_job *job)
{
	target_take(job);
	if (job->result == 0)
		job->result = check_source(job);
}

static void taken(struct operation *op)
{
	if (op->job.result < 0)
		operation_step_failed(op);
	else
		rename_volume(op);
}

static void begin(struct operation *op)
{
	op->cluster->at_path = op->job.at_path;
	operation_device_step(op, run_take, taken);
}

static void volume_made(struct operation *op)
{
	if (op->job.result < 0)
		operation_step_failed(op);
	else
		named_device_check(op, begin);
}

static void run_restore(struct volume_job *job)
{
	job->result = thin_volume_restore(&job->thin, &job->snapshot, &job->fault);
	if (job->result == 0 && (text_set(&job->device, job->thin.path) < 0 ||
				 text_set(&job->found, job->thin.path) < 0))
		job->result = fault_set(&job->fault, "InternalFailure", "Out of memory.");
}

/* The volume is not there before the catalog says why. */
static void make_volume(struct operation *op)
{
	if (!create_intend(op))
		return;
	if (pool_volume_intend(op) < 0) {
		operation_fail(op);
		return;
	}
	create_record(op, "make-volume", "");
	pool_volume_step(op, run_restore, volume_made);
}

static void described(struct operation *op, json_object *response, struct secret *plaintext)
{
	const char *arn = json_get_string(json_get_object(response, "KeyMetadata"), "Arn");

	secret_free(plaintext);
	if (rules_restore_key(op->job.snapshot.name, op->cluster->key_arn, arn ? arn : "",
			      &op->fault) < 0)
		operation_fail(op);
	else
		make_volume(op);
}

/**
 * restore_begin() - make a cluster from a snapshot, as the rules have passed
 * @op: its cluster is in the agent's list, with the key of the snapshot
 * @key: that the client names, id, ARN or alias; NULL: that of the snapshot
 */
void restore_begin(struct operation *op, const struct snapshot *snapshot, const char *key)
{
	create_prepare(op);
	snapshot_copy(op->agent, snapshot, &op->job.snapshot);
	memcpy(op->job.header_sha256, snapshot->header_sha256, sizeof(op->job.header_sha256));
	op->job.blob = strdup(snapshot->wrapped_key);
	if (!key || !strcmp(key, snapshot->key_arn))
		make_volume(op);
	else
		operation_ask(op, "DescribeKey", kms_describe_key(key), described);
}
