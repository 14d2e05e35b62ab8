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
 *
 * After this host has fenced another one, the disk stays reserved until the other host's claim has
 * ended: see fencing.c. The reason of the stopped cluster tells the next agent that the release is due.
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
#include "lib/header/header.h"
#include "lib/header/volume_owner.h"

/* Seconds for which a stop waits for the disk, so that another host may start the volume right after. */
#define RELEASE_WAIT_S	 5

#define REASON_NOT_ENDED "claim-not-ended"
#define REASON_KEPT	 "fenced-host"

/* Seconds between two tries to end a reservation that was kept. */
#define KEPT_AGAIN_S	  5
#define KEPT_AGAIN_LONG_S 600

/**
 * struct release - one release; owned by its device job
 * @job: copies of what the release needs
 * @stamped: the header has the end of the claim
 * @kept_s: seconds for which the disk stays reserved for the claim of a fenced host; 0 if it does not
 * @over: the reservation that was kept until now has ended
 * @waiting: the operation that waits; NULL when it waits no more
 * @next: ends the wait
 * @timer: the end of the wait, whatever the disk does
 */
struct release {
	struct agent *agent;
	struct volume_job job;
	bool stamped;
	uint32_t kept_s;
	bool over;
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

	release->kept_s = fencing_claim(0, release->job.fence_end_ns);
	release->stamped = ownership_release(&release->job);
	if (fencing_end(&release->job))
		release->kept_s = 0;
}

/*
 * The path of a disk may be that of another one by now, on which this host may have a volume in use. The
 * stamp proves that the disk has this volume, and that the volume is this host's. If the header names
 * another host, or none since it was restored, the disk itself lets go this host's key alone.
 */
static void due_run(void *data)
{
	struct release *release = data;
	struct volume_job *job = &release->job;
	struct volume_header header;
	struct fault ignored;

	release->stamped = ownership_release(job);
	if (release->stamped || (header_read(job->found, &header, &ignored) == 0 &&
				 !strcmp(header.volume_id, job->volume_id) &&
				 volume_owner_is_other(&header.owner, job->owner.host)))
		release->over = fencing_end(job);
}

static void end_wait(struct release *release)
{
	struct operation *op = release->waiting;

	release->timer = sd_event_source_disable_unref(release->timer);
	release->waiting = NULL;
	if (op)
		release->next(op);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata);

static void await(struct cluster *cluster, unsigned int seconds)
{
	int r;

	cluster->reservation.timer = sd_event_source_disable_unref(cluster->reservation.timer);
	r = sd_event_add_time_relative(cluster->agent->event, &cluster->reservation.timer,
				       CLOCK_BOOTTIME, seconds * 1000000ULL, 0, on_due, cluster);
	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

static void explain_kept(char reason[512], const struct release *release)
{
	snprintf(reason, 512,
		 REASON_KEPT
		 ": the disk %.200s stays reserved for this host for %u seconds after the stop, because a host that was fenced may have the volume open until then. This host may start the cluster at any time",
		 release->job.found, release->kept_s);
}

static bool is_stopped(const struct cluster *cluster, const char *reason)
{
	return cluster->status == CLUSTER_STOPPED && !cluster->operation &&
	       !strncmp(cluster->reason, reason, strlen(reason));
}

/* A restore of the header says why the next start needs --take-over. The release is due all the same. */
static bool is_kept(const struct cluster *cluster)
{
	return is_stopped(cluster, REASON_KEPT ":") ||
	       (cluster->reservation.fence_s && is_stopped(cluster, RELEASE_HEADER_RESTORED ":"));
}

/* The stop has told its client that the claim had not ended. */
static void note_end(struct cluster *cluster, const struct release *release)
{
	bool waited = is_stopped(cluster, REASON_NOT_ENDED ":");
	char reason[sizeof(cluster->reason)] = "";

	if (waited)
		log_info("Cluster %s: the disk %s answers again.", cluster->id,
			 cluster_disk_path(cluster));
	if (release->kept_s)
		explain_kept(reason, release);
	if (waited || (release->kept_s && is_stopped(cluster, "") && !cluster->reason[0]))
		state_set(cluster, CLUSTER_STOPPED, "%s", reason);
	if (release->kept_s)
		release_await(cluster);
}

static void release_done(void *data)
{
	struct release *release = data;
	struct cluster *cluster = cluster_find_volume(release->agent, release->job.volume_id);

	if (cluster)
		fencing_note(cluster, release->kept_s);
	if (cluster && release->stamped)
		stamp_record(cluster, &release->job.owner);
	if (release->kept_s && release->waiting)
		explain_kept(release->waiting->reason, release);
	end_wait(release);
	/* The operation may have freed the cluster. */
	cluster = cluster_find_volume(release->agent, release->job.volume_id);
	if (cluster)
		note_end(cluster, release);
	release_free(release);
}

static void due_done(void *data)
{
	struct release *release = data;
	struct cluster *cluster = cluster_find_volume(release->agent, release->job.volume_id);

	if (cluster && release->stamped)
		stamp_record(cluster, &release->job.owner);
	if (cluster && !release->over) {
		await(cluster, KEPT_AGAIN_LONG_S);
	} else if (cluster) {
		fencing_note(cluster, false);
		log_info("Cluster %s: the claim of the host that was fenced has ended, and the disk %s is free.",
			 cluster->id, release->job.found);
		if (is_stopped(cluster, REASON_KEPT ":"))
			state_set(cluster, CLUSTER_STOPPED, "%s", "");
	}
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

static const struct device_work due_work = {
	.run = due_run,
	.done = due_done,
	.drop = release_drop,
};

/*
 * The claim of the fenced host has ended. The row in the catalog goes when the reservation has ended:
 * the next agent counts the claim again.
 */
static void end_kept(struct cluster *cluster)
{
	struct release *release = calloc(1, sizeof(*release));
	struct agent *agent = cluster->agent;
	struct volume_job *job;

	if (!release || text_set(&release->job.found, cluster_disk_path(cluster)) < 0) {
		free(release);
		await(cluster, KEPT_AGAIN_S);
		return;
	}
	release->agent = agent;
	job = &release->job;
	job->claim = -1;
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	memcpy(job->cluster_id, cluster->id, sizeof(job->cluster_id));
	job->owner = agent->host;
	memcpy(job->owner.time, cluster->stamp.time, sizeof(job->owner.time));
	device_thread_submit(agent->devices, cluster->volume_id, &due_work, release);
}

/* A start that has the cluster meanwhile keeps the reservation: the release that follows it decides. */
static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cluster *cluster = userdata;

	cluster->reservation.timer = sd_event_source_disable_unref(cluster->reservation.timer);
	if (cluster->operation || fencing_claim(0, cluster->reservation.fence_end_ns))
		await(cluster, KEPT_AGAIN_S);
	else if (is_kept(cluster) && !cluster->mapping.name[0] && !cluster->key)
		end_kept(cluster);
	return 0;
}

/**
 * release_await() - end the reservation of a stopped cluster when the claim of the fenced host has ended
 *
 * Does nothing if the last stop kept no reservation. Called for each cluster of the catalog at the
 * agent's start, too.
 */
void release_await(struct cluster *cluster)
{
	if (is_kept(cluster))
		await(cluster, fencing_claim(0, cluster->reservation.fence_end_ns));
}

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
	copy->fence_end_ns = job->fence_end_ns;
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
