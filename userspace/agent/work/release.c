// SPDX-License-Identifier: MIT
/*
 * After the removal of a device, this host ends its claim in the header and its reservation of the
 * disk. Both are writes to the disk, and the disk may hang: perhaps an earlier stamp hangs there
 * already. So the device and its key end first, and the release is background work.
 *
 * The release has its turn in the lane of the volume, behind a stamp that hangs and before the claim of
 * a later start. No two writes of the owner overtake each other.
 *
 * Must never write to a disk whose device may be live.
 */
#include "agent/work/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/work/fencing.h"
#include "agent/work/ownership.h"
#include "agent/work/stamp.h"
#include "agent/work/state.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

/* Seconds for which a stop waits for the disk, so that another host may start the volume right after. */
#define RELEASE_WAIT_S	 5

#define REASON_NOT_ENDED "claim-not-ended"

/**
 * struct release - one release; owned by its device job
 * @job: copies of what the release needs
 * @stamped: the header has the end of the claim
 * @waiting: the operation that waits; NULL when it waits no more
 * @next: ends the wait
 * @timer: the end of the wait, whatever the disk does
 */
struct release {
	struct agent *agent;
	struct volume_job job;
	bool stamped;
	struct operation *waiting;
	void (*next)(struct operation *op);
	sd_event_source *timer;
};

static void release_free(struct release *release)
{
	free(release->job.found);
	free(release);
}

static void release_run(void *data)
{
	struct release *release = data;

	release->stamped = ownership_release(&release->job);
	fencing_end(&release->job);
}

static void end_wait(struct release *release)
{
	struct operation *op = release->waiting;

	release->timer = sd_event_source_disable_unref(release->timer);
	release->waiting = NULL;
	if (op)
		release->next(op);
}

/* The stop has told its client that the claim had not ended. */
static void note_end(struct cluster *cluster)
{
	if (cluster->status != CLUSTER_STOPPED || cluster->operation ||
	    strncmp(cluster->reason, REASON_NOT_ENDED ":", strlen(REASON_NOT_ENDED ":")))
		return;
	log_info("Cluster %s: the disk %s answers again.", cluster->id, cluster_disk_path(cluster));
	state_set(cluster, CLUSTER_STOPPED, "%s", "");
}

static void release_done(void *data)
{
	struct release *release = data;
	struct cluster *cluster = cluster_find_volume(release->agent, release->job.volume_id);

	if (cluster)
		fencing_note(cluster, false);
	if (cluster && release->stamped)
		stamp_record(cluster, &release->job.owner);
	end_wait(release);
	/* The operation may have freed the cluster. */
	cluster = cluster_find_volume(release->agent, release->job.volume_id);
	if (cluster)
		note_end(cluster);
	release_free(release);
}

static void release_drop(void *data)
{
	struct release *release = data;

	sd_event_source_disable_unref(release->timer);
	release_free(release);
}

static const struct device_work release_work = {
	.run = release_run,
	.done = release_done,
	.drop = release_drop,
};

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct release *release = userdata;
	struct operation *op = release->waiting;

	snprintf(op->reason, sizeof(op->reason),
		 REASON_NOT_ENDED
		 ": the disk %.200s does not answer, so its header still names this host as the user of the volume, for %u seconds from its last stamp. The device and the key are gone",
		 release->job.found, agent_claim_seconds(release->agent));
	end_wait(release);
	return 0;
}

/* Return: false if memory is short. */
static bool copy_job(struct volume_job *copy, const struct volume_job *job)
{
	copy->claim = -1;
	if (text_set(&copy->found, job->found) < 0)
		return false;
	memcpy(copy->volume_id, job->volume_id, sizeof(copy->volume_id));
	memcpy(copy->cluster_id, job->cluster_id, sizeof(copy->cluster_id));
	copy->owner = job->owner;
	/* A key for a bare dmsetup create may have no device. */
	copy->number = job->mapping.name[0] ? job->mapping.below : job->number;
	copy->claim_ns = job->claim_ns;
	copy->reservation = job->reservation;
	return true;
}

/**
 * release_begin() - the device of @op's cluster has gone: end the claim and the reservation
 * @next: called when the disk has taken both, with op->reason "", or after RELEASE_WAIT_S with a reason
 *	for the status; NULL: @op does not wait
 */
void release_begin(struct operation *op, void (*next)(struct operation *op))
{
	struct release *release = calloc(1, sizeof(*release));
	int r = 0;

	op->reason[0] = 0;
	/* Another host then waits for the end of the claim. */
	if (!release || !copy_job(&release->job, &op->job)) {
		log_error("Out of memory.");
		free(release);
		if (next)
			next(op);
		return;
	}
	release->agent = op->agent;
	release->waiting = next ? op : NULL;
	release->next = next;
	if (next)
		r = sd_event_add_time_relative(op->agent->event, &release->timer, CLOCK_MONOTONIC,
					       RELEASE_WAIT_S * 1000000ULL, 0, on_timer, release);
	device_thread_submit(op->agent->devices, op->cluster->volume_id, &release_work, release);
	if (r < 0) {
		log_error("Cluster %s: cannot set a timer: %s", op->cluster->id, strerror(-r));
		end_wait(release);
	}
}
