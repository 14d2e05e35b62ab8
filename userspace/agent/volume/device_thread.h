/* SPDX-License-Identifier: MIT */
/*
 * The threads that touch block devices, libcryptsetup and libdevmapper. A disk that hangs stops the
 * thread of one job, never the event loop: the leases of the other volumes are still renewed.
 *
 * Each job runs in a thread of its own. Jobs of one lane run one after the other; a volume is a lane,
 * so that no second job touches its disk before the first has ended. The removal of its device has a
 * lane beside it, and waits for no disk.
 */
#ifndef ENVELOPE_DEVICE_THREAD_H
#define ENVELOPE_DEVICE_THREAD_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#define DEVICE_LANE_MAX 32 /* bytes of a name */

/* Lanes that are no volume: a look at all devices, a scan of all disks, LVM's tools. */
#define DEVICE_LANE_LOOK  "look"
#define DEVICE_LANE_SCAN  "scan"
#define DEVICE_LANE_POOLS "pools"

struct device_thread;

/** typedef device_run_t - in a thread of its own; may touch only @job */
typedef void (*device_run_t)(void *job);
/** typedef device_done_t - in the event loop, after the run; owns @job */
typedef void (*device_done_t)(void *job);
/**
 * typedef device_late_t - in the event loop, when the job has not ended within its time
 * @begun: the job still runs, belongs to its thread, and is done() when it ends. Otherwise it will
 *	never run, and the caller owns @job again
 */
typedef void (*device_late_t)(void *job, bool begun);

/**
 * struct device_work - what a job does
 * @late: NULL: the job waits without end, which is logged
 * @drop: frees the data of a job that the end of the agent keeps from being done; NULL: its owner does
 */
struct device_work {
	device_run_t run;
	device_done_t done;
	device_late_t late;
	void (*drop)(void *job);
};

int device_thread_new(sd_event *event, unsigned int seconds, struct device_thread **ret);
void device_thread_limit(struct device_thread *thread, unsigned int seconds);
void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job);
bool device_thread_runs(const struct device_thread *thread, const void *job);
bool device_thread_free(struct device_thread *thread);

#endif
