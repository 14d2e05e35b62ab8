// SPDX-License-Identifier: MIT
/*
 * Stopping and deleting: remove the device, take the key out of the kernel, and for a
 * deletion mark or erase the header. Nothing happens while somebody uses the device.
 */
#include <string.h>

#include "holders.h"
#include "log.h"
#include "operation.h"
#include "state.h"

#define STATE_DELETED "deleted"

static void run_forget(struct operation *op)
{
	const char *device = op->device, *volume_id = op->cluster->volume_id;

	if (op->erase)
		op->result = header_erase(device, volume_id, &op->fault);
	else
		op->result = header_set_state(device, volume_id, STATE_DELETED,
					      "the cluster was deleted", &op->fault);
}

static void forgotten(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	struct agent *agent = op->agent;
	struct fault f;

	if (op->result < 0 && op->erase) {
		operation_fail(op);
		return;
	}
	if (op->result < 0)
		log_warning("Cluster %s: cannot mark the header on %s as deleted: %s. Should the device come back, so will the cluster.",
			    cluster->id, cluster->device, op->fault.message);
	state_set(cluster, CLUSTER_DELETING, "%s", op->erase ? "header erased" : "");
	if (catalog_delete(agent->catalog, cluster->volume_id, &f) < 0)
		log_error("%s", f.message);
	cluster->operation = NULL;
	operation_end(op);
	cluster_remove(cluster);
}

static void run_remove(struct operation *op)
{
	op->result = 0;
	if (!op->mapping.name[0])
		return;
	op->result = mapper_remove(op->mapping.name, &op->fault);
	if (op->result < 0)
		holders_explain(op->mapping.device, op->mapping.name, &op->fault);
}

static void removed(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (op->result < 0) {
		operation_fail(op);
		return;
	}
	cluster->mapping = (struct mapping){ 0 };
	state_drop_key(cluster);
	if (cluster->status == CLUSTER_AVAILABLE)
		state_set(cluster, CLUSTER_STOPPED, "%s", "");
	if (op->kind == OPERATION_DELETE)
		operation_device_step(op, run_forget, forgotten);
	else
		operation_end(op);
}

/** detach_begin() - stop @op's cluster and, for a deletion, forget it */
void detach_begin(struct operation *op)
{
	operation_device_step(op, run_remove, removed);
}
