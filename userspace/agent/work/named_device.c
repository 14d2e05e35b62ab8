// SPDX-License-Identifier: MIT
/*
 * The device that a client names for a cluster. Its path may lie on a file system that does not answer.
 *
 * No two clusters on one device, whatever its name, nor on a disk and its partition.
 */
#include "agent/work/named_device.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/volume/disks.h"
#include "lib/base/text.h"

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

static void run_look_other(struct volume_job *job)
{
	job->result = 0;
	if (!named_device_look(job->other, &job->other_number))
		job->other_number = 0;
}

static void others(struct operation *op);

/* The other cluster may have gone, or have another path, since the lookup began. */
static void looked_other(struct operation *op)
{
	struct volume_job *job = &op->job;

	if (job->result < 0) {
		operation_step_failed(op);
		return;
	}
	for (struct cluster *c = op->agent->clusters; c; c = c->next)
		if (!strcmp(c->device, job->other))
			c->at_path = job->other_number;
	others(op);
}

static void refuse(struct operation *op, const struct cluster *c)
{
	fault_set(&op->fault, "VolumeInUse",
		  "%.200s holds the volume of the cluster %s, or overlaps with its device. Use another device. Only if the data of %s may be destroyed: delete %s first.",
		  op->job.device, c->id, c->id, c->id);
	operation_fail(op);
}

/* What the path of another cluster led to at the last look is asked once more before it refuses. */
static void others(struct operation *op)
{
	struct volume_job *job = &op->job;

	for (struct cluster *c = op->agent->clusters; c; c = c->next) {
		bool found = c->found && is_on(c->found, job->number);

		if (c == op->cluster ||
		    (!found && !(c->at_path && disks_overlap(c->at_path, job->number))))
			continue;
		if (found || (job->other && !strcmp(job->other, c->device) &&
			      job->other_number == c->at_path)) {
			refuse(op, c);
		} else if (text_set(&job->other, c->device) < 0) {
			fault_set(&op->fault, "InternalFailure", "Out of memory.");
			operation_fail(op);
		} else {
			operation_device_step(op, run_look_other, looked_other);
		}
		return;
	}
	op->checked(op);
}

static void looked(struct operation *op)
{
	if (op->job.result < 0)
		operation_step_failed(op);
	else
		others(op);
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
