// SPDX-License-Identifier: MIT
/*
 * Makes, grows and removes the logical volume of a cluster in a pool.
 *
 * The catalog has a row of the volume before LVM makes it, and until LVM has removed it. A row whose
 * cluster has gone is a volume to remove: pool_look.c tries again.
 */
#include "agent/work/pool_volume.h"

#include <stdio.h>
#include <string.h>

#include "agent/catalog/pools.h"
#include "agent/volume/thin.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

/** pool_volume_is_due() - has the cluster a volume in a pool that is still to be removed? */
bool pool_volume_is_due(const struct operation *op)
{
	return op->job.thin.pool.name[0] && !op->job.thin.gone;
}

static int record(struct operation *op, struct fault *f)
{
	return pool_volumes_record(op->agent->catalog, op->cluster->volume_id,
				   &op->cluster->in_pool, f);
}

/**
 * pool_volume_intend() - write that LVM is about to make the volume of @op's cluster
 *
 * Return: 0, or -1 with @op->fault: nothing may be made.
 */
int pool_volume_intend(struct operation *op)
{
	return record(op, &op->fault);
}

static void run_make(struct volume_job *job)
{
	job->result = thin_volume_make(&job->thin, &job->fault);
	if (job->result == 0 && (text_set(&job->device, job->thin.path) < 0 ||
				 text_set(&job->found, job->thin.path) < 0))
		job->result = fault_set(&job->fault, "InternalFailure", "Out of memory.");
}

/* Takes over what LVM has made. Without a uuid in the catalog its tag tells the volume. */
static void take(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	const struct thin_volume *thin = &op->job.thin;
	struct fault f;

	memcpy(cluster->in_pool.uuid, thin->uuid, sizeof(cluster->in_pool.uuid));
	cluster->in_pool.bytes = thin->bytes;
	if (thin->path[0] && text_set(&cluster->device, thin->path) < 0)
		log_error("Out of memory.");
	if (record(op, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

static void made(struct operation *op)
{
	if (op->job.result == 0)
		take(op);
	op->then(op);
}

/**
 * pool_volume_step() - have LVM make or change the volume
 * @run: fills the job's result and what is known of the volume
 * @then: called afterwards. The job has the result and the path; the cluster has path, uuid and length
 */
void pool_volume_step(struct operation *op, void (*run)(struct volume_job *job),
		      void (*then)(struct operation *op))
{
	op->then = then;
	operation_pool_step(op, run, made);
}

/**
 * pool_volume_make() - have LVM make the volume
 * @then: called afterwards. The job has the result and the path; the cluster has path, uuid and length
 */
void pool_volume_make(struct operation *op, void (*then)(struct operation *op))
{
	pool_volume_step(op, run_make, then);
}

static void run_grow(struct volume_job *job)
{
	job->result = thin_volume_grow(&job->thin, &job->fault);
}

/**
 * pool_volume_grow() - have LVM make the volume longer
 * @bytes: its new length
 * @then: called afterwards; the job has the result, and the cluster the length
 */
void pool_volume_grow(struct operation *op, uint64_t bytes, void (*then)(struct operation *op))
{
	op->then = then;
	op->job.thin.bytes = bytes;
	operation_pool_step(op, run_grow, made);
}

static void run_remove(struct volume_job *job)
{
	struct thin_volume *thin = &job->thin;
	struct fault f;

	thin->erased = job->result;
	thin->gone = thin_volume_remove(thin, &f) == 0;
	if (!thin->gone)
		snprintf(job->warning, sizeof(job->warning),
			 "The logical volume is not removed: %.300s The agent tries again.",
			 f.message);
}

static void removed(struct operation *op)
{
	struct thin_volume *thin = &op->job.thin;

	if (!thin->gone)
		log_error("Cluster %s: pool %s: %s", op->cluster->id, thin->pool.name,
			  op->job.warning);
	op->job.result = thin->erased;
	thin->pool.name[0] = 0;
	op->then(op);
}

/**
 * pool_volume_remove() - have LVM remove the volume, whose header is erased or marked
 * @then: called afterwards, with the job's result as it was. @op->job.thin.gone: it is removed
 */
void pool_volume_remove(struct operation *op, void (*then)(struct operation *op))
{
	op->then = then;
	operation_pool_step(op, run_remove, removed);
}

/** pool_volume_forget() - the cluster has no row any more: delete that of a volume that is removed */
void pool_volume_forget(const struct operation *op)
{
	struct fault f;

	if (op->job.thin.gone && pool_volumes_forget(op->agent->catalog, op->job.volume_id, &f) < 0)
		log_error("Cluster %s: %s", op->job.cluster_id, f.message);
}
