// SPDX-License-Identifier: MIT
/*
 * When a disk is reserved for this host, and what follows when another host has taken the reservation.
 *
 * A start reserves the disk before it writes to the header. An orderly stop ends the reservation. The
 * end of the agent, of a lease or of the host does not: the disk keeps the reservation over a loss of
 * power.
 */
#include "agent/work/fencing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/reservations.h"
#include "agent/lease/held_key.h"
#include "agent/rules/owner_rules.h"
#include "agent/volume/device_events.h"
#include "agent/volume/reservation.h"
#include "agent/work/state.h"
#include "lib/base/log.h"
#include "lib/header/header_owner.h"
#include "lib/header/volume_owner.h"

/** fencing_is_on() - is this host to reserve its disks? A host without an id has no key */
bool fencing_is_on(const struct agent *agent)
{
	return agent->host.host[0] && !strcmp(agent->config.fencing, "auto");
}

/**
 * fencing_reserve() - reserve the disk of a job for this host, before the job writes to it
 * @job: @header as it was checked, or empty; @reservation is filled
 *
 * Runs in a device thread, and does nothing when fencing is off.
 *
 * Return: 0, or -1 with the job's fault.
 */
int fencing_reserve(struct volume_job *job)
{
	const struct volume_owner *owner = &job->header.owner;
	bool gone = job->take_over && volume_owner_is_other(owner, job->owner.host);
	const struct reservation before = job->reservation;
	int r;

	if (!job->fencing)
		return 0;
	r = reservation_take(job->found, job->owner.host, gone ? owner->host : "",
			     &job->reservation, &job->fault);
	/* A disk that does not answer has not forgotten it. */
	job->reservation.held |= before.held && r == 0;
	job->reservation.fresh |= before.fresh && r == 0;
	return r;
}

/** fencing_undo() - the job has failed: end the reservation, unless an earlier job has made it */
void fencing_undo(struct volume_job *job)
{
	if (job->reservation.fresh)
		fencing_end(job);
}

/**
 * fencing_end() - end the reservation of a disk to which this host writes no more
 *
 * Also when fencing is off: it may have been on at the start.
 */
void fencing_end(struct volume_job *job)
{
	if (job->owner.host[0])
		reservation_end(job->found, job->owner.host);
	job->reservation = (struct reservation){ 0 };
}

/**
 * fencing_expel() - take a volume from its owner, whose claim has not ended
 * @claim: as for header_set_owner()
 * @owner: as the header names it; @self afterwards
 * @self: this host
 * @f: rules_owner()'s refusal
 *
 * Runs in a device thread. The header names this host at once: the other host's device is lost already.
 * A stamp that the other host has written meanwhile counts no more.
 *
 * Must never give the disk back to a host that is fenced: the disk has lost writes of that host.
 *
 * Return: 0, or -1, and @f says why not.
 */
int fencing_expel(const char *device, int claim, const char *volume_id, struct volume_owner *owner,
		  const struct volume_owner *self, struct fault *f)
{
	struct volume_owner any_stamp = { 0 }, stamp = *self;
	struct fault why;

	if (reservation_fence(device, self->host, owner->host, &why) < 0) {
		rules_not_fenced(f, why.message);
		return -1;
	}
	log_warning("The host %s was fenced: the disk %s refuses its writes.", owner->host, device);
	memcpy(any_stamp.host, owner->host, sizeof(any_stamp.host));
	if (header_set_owner(device, claim, volume_id, &any_stamp, &stamp, &why) < 0)
		return fault_set(f, "VolumeInUse",
				 "The host %s is fenced: the disk %s refuses its writes. But the header could not name this host as the owner: %.300s Try again when the claim of that host has ended.",
				 owner->host, device, why.message);
	*owner = stamp;
	return 0;
}

/* ---- the fenced host ---- */

struct watch_job {
	struct agent *agent;
	char volume_id[22];
	char host[33];
	int32_t key;
	bool present;
	bool lost;
	char device[];
};

static void watch_run(void *data)
{
	struct watch_job *job = data;

	job->present = reservation_present(job->device, job->host, &job->lost);
}

/** fencing_load() - read from the catalog whether the disk was reserved at the end of the last agent */
void fencing_load(struct cluster *cluster)
{
	struct fault f;

	if (reservations_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * fencing_begin() - a creation is about to reserve its disk, which has no header yet
 * @disk: its identity
 *
 * If the creation is killed, no header names this host as the owner: left_reservation.c ends the
 * reservation by this record.
 */
void fencing_begin(struct cluster *cluster, const char *disk)
{
	struct fault f;

	if (!fencing_is_on(cluster->agent) || !disk_identity_proves(disk, disk))
		return;
	cluster->reservation.recorded = reservations_record(cluster->agent->catalog,
							    cluster->volume_id, disk, false,
							    &f) == 0;
	if (!cluster->reservation.recorded)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * fencing_note() - it is known whether this host holds a reservation of the cluster's disk
 *
 * A change that the catalog does not take is recorded with the next one. Until then the next agent
 * does not notice the loss of the reservation before its own stamp is refused.
 */
void fencing_note(struct cluster *cluster, bool held)
{
	struct catalog *catalog = cluster->agent->catalog;
	bool changed = held != cluster->reservation.held;
	struct fault f;
	int r;

	cluster->reservation.held = held;
	cluster->reservation.known = true;
	if (!changed && held == cluster->reservation.recorded)
		return;
	r = held ? reservations_record(catalog, cluster->volume_id,
				       cluster->disk ? cluster->disk : "", true, &f)
		 : reservations_forget(catalog, cluster->volume_id, &f);
	cluster->reservation.recorded = held;
	if (r < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

static void lose(struct cluster *cluster, const struct watch_job *job)
{
	log_error("Cluster %s: this host's persistent reservation of the disk %s is gone, and the disk refuses its writes.",
		  cluster->id, job->device);
	held_key_drop(cluster);
	state_set_soon(cluster, CLUSTER_STOPPED, NULL,
		       "reservation-lost: another host has taken the disk %.300s over, or another program has ended this host's persistent reservation",
		       job->device);
	device_events_refresh(cluster->agent);
}

static void watch_done(void *data)
{
	struct watch_job *job = data;
	struct cluster *cluster = cluster_find_volume(job->agent, job->volume_id);

	if (cluster)
		cluster->reservation.asking = false;
	if (cluster && cluster->key == job->key && !cluster->operation) {
		bool held = cluster->reservation.held;

		if (held && job->lost)
			lose(cluster, job);
		fencing_note(cluster, job->present || (held && !job->lost));
	}
	free(job);
}

static const struct device_work watch_work = {
	.run = watch_run,
	.done = watch_done,
	.drop = free,
};

/**
 * fencing_watch() - look whether the disk of a live cluster is still reserved for this host
 *
 * Called when a live device is taken over, and at each renewal of the lease. Works in the background.
 */
void fencing_watch(struct cluster *cluster)
{
	struct agent *agent = cluster->agent;
	const char *device = cluster_disk_path(cluster);
	struct watch_job *job;

	if (!fencing_is_on(agent) || cluster->operation || cluster->reservation.asking ||
	    (cluster->reservation.known && !cluster->reservation.held))
		return;
	job = calloc(1, sizeof(*job) + strlen(device) + 1);
	if (!job)
		return;
	job->agent = agent;
	strcpy(job->device, device);
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	memcpy(job->host, agent->host.host, sizeof(job->host));
	job->key = cluster->key;
	cluster->reservation.asking = true;
	device_thread_submit(agent->devices, cluster->volume_id, &watch_work, job);
}
