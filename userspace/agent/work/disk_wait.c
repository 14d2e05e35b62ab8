// SPDX-License-Identifier: MIT
/*
 * The wait for a disk that is not there when the boot unit starts its cluster. The reason in the catalog
 * tells the next agent of the wait; restart.c ends the wait with a start. Must not wait for a person's
 * start: the person has the fault.
 */
#include "agent/work/disk_wait.h"

#include <string.h>

#include "agent/rules/rules.h"
#include "agent/volume/locate.h"
#include "agent/work/start_note.h"
#include "agent/work/state.h"
#include "lib/header/block_device.h"

/**
 * disk_wait_begin() - wait for a disk, if the boot unit asks
 * @op: its cluster's disk was not found, or cannot be read
 */
void disk_wait_begin(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (strcmp(op->job.fault.code, VOLUME_NOT_FOUND) &&
	    strcmp(op->job.fault.code, BLOCK_DEVICE_ERROR))
		return;
	cluster->absent = true;
	if (!op->call || !op->job.at_boot || cluster->status != CLUSTER_STOPPED)
		return;
	start_note(cluster, true, op->job.read_only_asked);
	if (!rules_waits_for_disk(cluster))
		state_set(cluster, CLUSTER_STOPPED, RULES_DISK_MISSING ": %.400s",
			  op->job.fault.message);
	else if (cluster->restart.unsaved)
		state_save_soon(cluster);
	/* A look that found the disk meanwhile has left the cluster to this operation. */
	if (op->disk_moments != op->agent->disk_moments)
		op->agent->hooks.disks_changed(op->agent);
}
