// SPDX-License-Identifier: MIT
/*
 * Runs the steps of operations in device threads, and decides what becomes of an operation whose step
 * did not end in time.
 */
#include <stdio.h>
#include <string.h>

#include "agent/api/reply.h"
#include "agent/lease/held_key.h"
#include "agent/volume/device_events.h"
#include "agent/volume/device_thread.h"
#include "agent/work/fencing.h"
#include "agent/work/operation.h"
#include "lib/base/log.h"

static void step_run(void *data)
{
	struct operation *op = data;

	op->run(&op->job);
}

/*
 * Is the operation to go on after a late step? A stop and a deletion are only finished: the device
 * is gone. So is a modification: it undoes its setting if the step failed. A snapshot undoes itself. A
 * start must not open a volume after its client got a fault.
 */
static bool goes_on(const struct operation *op)
{
	return op->undoing || op->job.interrupted || op->kind == OPERATION_STOP ||
	       op->kind == OPERATION_DELETE || op->kind == OPERATION_MODIFY ||
	       op->kind == OPERATION_SNAPSHOT;
}

/* A start has opened the volume, and must not have. The device fails with its key. */
static void drop_what_is_open(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	cluster->key = op->job.serial;
	held_key_drop(cluster);
	fencing_note(cluster, op->job.reservation.held);
	if (op->job.key_only)
		return;
	snprintf(cluster->mapping.name, sizeof(cluster->mapping.name), "%s", op->job.device_name);
	cluster->mapping.below = op->job.number;
}

static void step_done(void *data)
{
	struct operation *op = data;

	if (!op->cluster) {
		if (op->left)
			op->left(op);
		operation_free(op);
		return;
	}
	op->cluster->held_up[0] = 0;
	fencing_learn(op->cluster, &op->job);
	if ((!op->late && !op->ended) || op->settling || goes_on(op)) {
		op->next(op);
		return;
	}
	if (op->job.opened)
		drop_what_is_open(op);
	/* A stop that has ended the operation in time has its turn now, and does the rest. */
	if (op->job.opened && op->late && op->close) {
		op->undoing = true;
		op->close(op);
		return;
	}
	operation_fail(op);
}

/*
 * The cluster keeps the operation until the step ends, so that no second step touches the device. The
 * client gets its answer now.
 */
static void hold_up(struct operation *op, const struct fault *f)
{
	struct cluster *cluster = op->cluster;

	op->late = true;
	snprintf(cluster->held_up, sizeof(cluster->held_up), "device-timeout: %.380s", f->message);
	log_warning("Cluster %s: %s", cluster->id, f->message);
	/* A start that a stop has ended keeps the fault by which its boot unit does not try again. */
	if (!op->undoing && !op->ended)
		op->fault = *f;
	/* An operation that is being undone has its own fault, which is recorded already. */
	if (!op->undoing)
		operation_answer(op, &op->fault);
	else if (op->call)
		reply_fault(op->call, &op->fault);
	op->call = NULL;
	if (op->passed)
		op->passed(cluster);
	device_events_changed(op->agent);
}

static void step_late(void *data, bool begun)
{
	struct operation *op = data;
	struct fault f;

	if (!op->cluster) {
		if (!begun) {
			op->job.result = -1;
			step_done(op);
		}
		return;
	}
	fault_set(&f, "DeviceTimeout",
		  "%s of the cluster %s has waited for %.200s for more than %u seconds. Nothing else is done with the cluster until the device answers: look at it with 'dmesg', and at udev with 'udevadm settle'.",
		  operation_api(op), op->cluster->id, op->job.device,
		  op->agent->config.device_timeout_seconds);
	if (begun) {
		hold_up(op, &f);
	} else if (op->ended) {
		/* Its fault is known, and the step must not leave a reason to start again. */
		operation_fail(op);
	} else {
		op->job.result = -1;
		op->job.fault = f;
		op->next(op);
	}
}

/* The cluster of an operation frees it. */
static void step_drop(void *data)
{
	struct operation *op = data;

	if (!op->cluster)
		operation_free(op);
}

static void submit(struct operation *op, const char *lane, void (*run)(struct volume_job *job),
		   void (*next)(struct operation *op))
{
	static const struct device_work step_work = {
		.run = step_run,
		.done = step_done,
		.late = step_late,
		.drop = step_drop,
	};

	op->run = run;
	op->next = next;
	device_thread_submit(op->agent->devices, lane, &step_work, op);
}

/**
 * operation_device_step() - do a step in a device thread
 * @run: called in the device thread; sets the job's result and fault
 * @next: called in the event loop afterwards
 *
 * A step that takes longer than DeviceTimeoutSeconds= ends the client's wait with the fault
 * DeviceTimeout. A step that has not begun by then fails with the same fault.
 *
 * An operation has one step at a time. This function needs no memory of its own. An undo is a step
 * too, and must not fail because memory is short.
 */
void operation_device_step(struct operation *op, void (*run)(struct volume_job *job),
			   void (*next)(struct operation *op))
{
	submit(op, op->cluster->volume_id, run, next);
}

/**
 * operation_removal_step() - operation_device_step() for the removal of the volume's device
 *
 * It touches the device, never the disk, and has a lane of its own: a stamp or a record that a disk
 * does not take must not keep a device from its end.
 */
void operation_removal_step(struct operation *op, void (*run)(struct volume_job *job),
			    void (*next)(struct operation *op))
{
	char lane[DEVICE_LANE_MAX];

	snprintf(lane, sizeof(lane), "%s removal", op->cluster->volume_id);
	submit(op, lane, run, next);
}

/**
 * operation_pool_step() - operation_device_step() for LVM's tools
 *
 * In the lane of the pools: what a pool has left is counted and given by one step at a time.
 */
void operation_pool_step(struct operation *op, void (*run)(struct volume_job *job),
			 void (*next)(struct operation *op))
{
	submit(op, DEVICE_LANE_POOLS, run, next);
}
