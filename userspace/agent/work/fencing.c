// SPDX-License-Identifier: MIT
/*
 * When a disk is reserved for this host, and what follows when another host has taken the reservation.
 *
 * A start reserves the disk before it writes to the header. An orderly stop ends the reservation. The
 * end of the agent, of a lease or of the host does not: the disk keeps the reservation over a loss of
 * power.
 *
 * A host that was fenced may have the volume open with a live key until its claim has ended. Until
 * then the disk stays reserved: a stop keeps the reservation, and no claim that this host writes to the
 * header is shorter than the rest of the other's. So a third host that fences this one inherits the
 * rest. The catalog has the length of the claim before the disk fences the host: an agent that does not
 * know how much of it is over counts the whole.
 */
#include "agent/work/fencing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/reservations.h"
#include "agent/lease/held_key.h"
#include "agent/lease/lease.h"
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
 *
 * Return: false if the reservation is kept, because a fenced host may have the volume open.
 */
bool fencing_end(struct volume_job *job)
{
	if (fencing_claim(0, job->fence_end_ns))
		return false;
	if (job->owner.host[0])
		reservation_end(job->found, job->owner.host);
	job->reservation = (struct reservation){ 0 };
	return true;
}

/**
 * fencing_claim() - seconds for which a header is to name this host
 * @own_s: its own claim
 * @fence_end_ns: end of the claim of a host that was fenced; 0 for none
 */
uint32_t fencing_claim(uint32_t own_s, uint64_t fence_end_ns)
{
	uint64_t now = lease_now(), rest_s = 0;

	if (now < fence_end_ns)
		rest_s = (fence_end_ns - now + NS_PER_S - 1) / NS_PER_S;
	return rest_s > own_s ? (uint32_t)rest_s : own_s;
}

/* The fenced owner may have written a longer claim since its stamp was read. It writes no more. */
static uint64_t last_claim(const char *device, const struct volume_owner *owner)
{
	struct volume_header now;
	struct fault ignored;

	if (header_read(device, &now, &ignored) == 0 && !strcmp(now.owner.host, owner->host) &&
	    now.owner.claim > owner->claim)
		return now.owner.claim;
	return owner->claim;
}

/**
 * fencing_expel() - take a volume from its owner, whose claim has not ended
 * @claim: as for header_set_owner()
 * @owner: as the header names it; @self afterwards
 * @self: this host
 * @end_ns: 0, or the end of the claim of a host that was fenced before; the end of the owner's if that
 *	is later, once the disk has fenced the owner, whatever the header takes
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
		  const struct volume_owner *self, uint64_t *end_ns, struct fault *f)
{
	struct volume_owner any_stamp = { 0 }, stamp = *self;
	uint64_t end;
	struct fault why;

	if (reservation_fence(device, self->host, owner->host, &why) < 0) {
		rules_not_fenced(f, why.message);
		return -1;
	}
	log_warning("The host %s was fenced: the disk %s refuses its writes.", owner->host, device);
	end = lease_now() + last_claim(device, owner) * NS_PER_S;
	if (*end_ns < end)
		*end_ns = end;
	stamp.claim = fencing_claim(self->claim, *end_ns);
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
	if (cluster->reservation.fence_s)
		cluster->reservation.fence_end_ns = lease_now() +
						    cluster->reservation.fence_s * NS_PER_S;
}

/**
 * fencing_announce() - a job is about to fence the owner of a volume: the catalog must know it first
 * @disk: identity of the disk, "" if it is not known
 * @claim_s: of the owner
 *
 * Return: 0, or -1 with CatalogUnavailable. Then the owner must not be fenced: a stop after a restart of
 * the agent would give the disk back to it.
 */
int fencing_announce(struct agent *agent, const char *volume_id, const char *disk, uint32_t claim_s,
		     struct fault *f)
{
	struct fault why;

	if (reservations_record(agent->catalog, volume_id, disk, claim_s > 1 ? claim_s : 2, &why) ==
	    0) {
		/* In memory only. */
		if (!catalog_trouble(agent->catalog))
			return 0;
		why = *catalog_trouble(agent->catalog);
	}
	return fault_set(f, "CatalogUnavailable",
			 "The catalog cannot be written, and the other host was not fenced: %.300s Read the reason in the journal of enveloped.",
			 why.message);
}

static void record(struct cluster *cluster)
{
	struct catalog *catalog = cluster->agent->catalog;
	uint32_t fence_s = cluster->reservation.fence_s;
	struct fault f;
	int r;

	r = cluster->reservation.held ? reservations_record(catalog, cluster->volume_id,
							    cluster->disk ? cluster->disk : "",
							    fence_s > 1 ? fence_s : 1, &f)
				      : reservations_forget(catalog, cluster->volume_id, &f);
	cluster->reservation.recorded = cluster->reservation.held;
	if (r < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * fencing_learn() - a step of a job has ended that may have fenced a host, however the job goes on
 */
void fencing_learn(struct cluster *cluster, struct volume_job *job)
{
	if (!job->fence_s)
		return;
	if (job->fence_end_ns > cluster->reservation.fence_end_ns) {
		/* The last claim of the other host may be longer than the one that was announced. */
		uint32_t claim_s = fencing_claim(job->fence_s, job->fence_end_ns);

		if (cluster->reservation.fence_s < claim_s)
			cluster->reservation.fence_s = claim_s;
		cluster->reservation.fence_end_ns = job->fence_end_ns;
		cluster->reservation.held = true;
	}
	job->fence_s = 0;
	record(cluster);
}

/* The next stop ends the reservation. */
static void forget_fence(struct cluster *cluster)
{
	cluster->reservation.fence_s = 0;
	cluster->reservation.fence_end_ns = 0;
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
							    cluster->volume_id, disk, 0, &f) == 0;
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
	bool changed = held != cluster->reservation.held;

	cluster->reservation.held = held;
	cluster->reservation.known = true;
	if (!held)
		forget_fence(cluster);
	if (changed || held != cluster->reservation.recorded)
		record(cluster);
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

	if (cluster->reservation.fence_s && !cluster->operation &&
	    !fencing_claim(0, cluster->reservation.fence_end_ns)) {
		forget_fence(cluster);
		record(cluster);
	}
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
