// SPDX-License-Identifier: MIT
/*
 * The disk on which a volume is to be made. Its header may name a cluster that is on another path by
 * now: below a mirror or a path of multipath that is not assembled at the moment. See target.h.
 */
#include "agent/work/target.h"

#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/catalog/cluster_list.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"
#include "lib/header/inspect.h"

/**
 * target_locate() - find the kernel's own path of the disk that @device still names
 * @job: @device and @number say which; @found is filled, or @fault
 *
 * A link may name another device at any time. Only root can exchange the device's own node.
 *
 * Runs in a device thread. Return: 0 or -1.
 */
int target_locate(struct volume_job *job)
{
	struct stat st;
	char *node;

	if (stat(job->device, &st) < 0 || st.st_rdev != job->number)
		return fault_set(&job->fault, "InvalidParameterValue",
				 "%s has become another device since the cluster's creation began. Nothing was written.",
				 job->device);
	node = disk_node(job->number);
	if (!node)
		return fault_set(&job->fault, "InvalidParameterValue",
				 "The disk %s has gone, or /dev has something else under its name. Nothing was written.",
				 job->device);
	text_put(&job->found, node);
	return 0;
}

/**
 * target_take() - have the disk for the agent alone, and find the volume that its header names
 * @job: as for target_locate(); @claim, @disk and the volume_id of @header are filled, or @fault
 *
 * Runs in a device thread. The claim ends right before the table is loaded, or with the operation.
 */
void target_take(struct volume_job *job)
{
	bool protected;

	job->result = target_locate(job);
	if (job->result < 0)
		return;
	job->claim = block_device_take(job->found, &job->fault);
	if (job->claim < 0 || block_device_check_claim(job->claim, job->device, job->number,
						       &protected, &job->fault) < 0) {
		job->result = -1;
		return;
	}
	text_put(&job->disk, disk_identity(job->number));
	header_find_volume(job->found, job->claim, job->header.volume_id);
}

/**
 * target_check() - refuse a disk whose header names a volume that the catalog knows
 *
 * No option overrules the catalog: without that header the data of the volume are lost. After a
 * deletion the catalog does not know the volume.
 *
 * Return: 0, or -1 with VolumeInUse in the operation's fault.
 */
int target_check(struct operation *op)
{
	const struct volume_job *job = &op->job;
	const struct cluster *cluster = NULL;

	if (job->header.volume_id[0])
		cluster = cluster_find_volume(op->agent, job->header.volume_id);
	if (!cluster)
		return 0;
	return fault_set(&op->fault, "VolumeInUse",
			 "%s has the header of the volume %s of the cluster %s. Nothing was written. Delete that cluster first, or if %s holds a copy that is not needed: wipefs -a %s",
			 job->device, cluster->volume_id, cluster->id, job->device, job->device);
}
