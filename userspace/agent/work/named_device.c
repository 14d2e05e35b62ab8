// SPDX-License-Identifier: MIT
/*
 * The device that a client names for a cluster. Its path may lie on a file system that does not answer.
 *
 * No two clusters on one device, whatever its name, nor on a disk and its partition.
 */
#include "agent/work/named_device.h"

#include <sys/stat.h>

#include "agent/volume/disks.h"

/**
 * named_device_look() - find the block device at a path
 *
 * Runs in a device thread. Return: whether there is one.
 */
bool named_device_look(const char *path, dev_t *number)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	*number = st.st_rdev;
	return true;
}

static void run_look(struct volume_job *job)
{
	job->result = 0;
	if (named_device_look(job->device, &job->number))
		job->at_path = job->number;
	else
		job->result = fault_set(&job->fault, "InvalidParameterValue",
					"%.200s is not a block device.", job->device);
}

/* Has the disk at @path, the kernel's own node, sectors in common with the device @number? */
static bool is_on(const char *path, dev_t number)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) && disks_overlap(st.st_rdev, number);
}

static int check_others(struct operation *op)
{
	const struct volume_job *job = &op->job;

	for (struct cluster *c = op->agent->clusters; c; c = c->next)
		if (c != op->cluster && ((c->at_path && disks_overlap(c->at_path, job->number)) ||
					 (c->found && is_on(c->found, job->number))))
			return fault_set(&op->fault, "VolumeInUse",
					 "%.200s holds the volume of the cluster %s, or overlaps with its device. Use another device. Only if the data of %s may be destroyed: delete %s first.",
					 job->device, c->id, c->id, c->id);
	return 0;
}

static void looked(struct operation *op)
{
	if (op->job.result < 0)
		operation_step_failed(op);
	else if (check_others(op) < 0)
		operation_fail(op);
	else
		op->checked(op);
}

/**
 * named_device_check() - the first step of an operation whose client names a device
 * @op: its job has the path
 * @checked: goes on; the job has the device's number. Not called if the operation fails: there is no
 *	block device, or another cluster has it
 */
void named_device_check(struct operation *op, void (*checked)(struct operation *op))
{
	op->checked = checked;
	operation_device_step(op, run_look, looked);
}
