// SPDX-License-Identifier: MIT
/*
 * The user's word about a volume's device: the only change of the path in the catalog. The device
 * must hold the volume, and no other device may lie on top of it. Nothing is unlocked: the next start
 * checks the header and the key.
 */
#include "agent/work/relocate.h"

#include "agent/agent.h"
#include "agent/catalog/catalog.h"
#include "agent/volume/locate.h"
#include "agent/work/length.h"
#include "agent/work/named_device.h"
#include "agent/work/place.h"
#include "agent/work/stamp.h"
#include "agent/work/state.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

static void run_locate(struct volume_job *job)
{
	job->result = locate_volume(job);
}

static void located(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	char *before = cluster->device;

	if (op->job.result < 0) {
		operation_step_failed(op);
		return;
	}
	cluster->device = op->job.device;
	op->job.device = before;
	if (catalog_store(op->agent->catalog, cluster, &op->fault) < 0) {
		op->job.device = cluster->device;
		cluster->device = before;
		operation_fail(op);
		return;
	}
	log_info("Cluster %s: the user has set its device to %s; it was %s.", cluster->id,
		 cluster->device, before);
	cluster->at_path = op->job.at_path;
	if (place_found(cluster, op->job.found, op->job.disk))
		state_save_soon(cluster);
	if (length_choose(cluster, op->job.header.data_sectors))
		state_save_soon(cluster);
	state_flush(op->agent);
	/* The user has judged which copy is the volume. */
	stamp_choose(cluster, &op->job.header.owner);
	operation_end(op);
}

static void checked(struct operation *op)
{
	operation_device_step(op, run_locate, located);
}

/**
 * relocate_begin() - set the device of @op's cluster
 * @device: path
 */
void relocate_begin(struct operation *op, const char *device)
{
	if (text_set(&op->job.device, device) < 0) {
		fault_set(&op->fault, "InternalFailure", "Out of memory.");
		operation_fail(op);
		return;
	}
	op->job.chosen = true;
	named_device_check(op, checked);
}
