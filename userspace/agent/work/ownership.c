// SPDX-License-Identifier: MIT
/*
 * The owner of a volume. The header names it, with the time of its last stamp and the seconds of its
 * claim. The owner writes a new stamp long before its claim ends, and renews no lease beyond the end of
 * its claim. Another host takes over when it has seen the same stamp for the whole claim, by its own
 * clock: the clocks of two hosts are never compared.
 */
#include "agent/work/ownership.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/lease.h"
#include "agent/rules/owner_rules.h"
#include "agent/volume/write_claim.h"
#include "agent/work/fencing.h"
#include "agent/work/kept_header.h"
#include "agent/work/stamp.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/header/block_device.h"
#include "lib/header/header_owner.h"
#include "lib/header/volume_owner.h"

/**
 * struct sighting - a stamp of another host, and since when this host has seen no newer one
 * @since_ns: CLOCK_BOOTTIME
 */
struct sighting {
	struct sighting *next;
	char volume_id[22];
	struct volume_owner owner;
	uint64_t since_ns;
};

static struct sighting *find(struct agent *agent, const char *volume_id)
{
	struct sighting *s;

	for (s = agent->sightings; s && strcmp(s->volume_id, volume_id); s = s->next)
		;
	return s;
}

/**
 * ownership_see() - note what a header says of its owner
 *
 * Return: the nanoseconds for which the stamp is known to be unchanged.
 */
uint64_t ownership_see(struct agent *agent, const struct volume_header *header)
{
	struct sighting *s = find(agent, header->volume_id);
	uint64_t now = lease_now();

	if (!volume_owner_is_other(&header->owner, agent->host.host))
		return 0;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return 0;
		memcpy(s->volume_id, header->volume_id, sizeof(s->volume_id));
		s->next = agent->sightings;
		agent->sightings = s;
	}
	if (!volume_owner_same(&s->owner, &header->owner)) {
		s->owner = header->owner;
		s->since_ns = now;
	}
	return now - s->since_ns;
}

/**
 * ownership_check() - may this host use or erase the volume with @header?
 * @take_over: the client says that the other owner is gone
 *
 * Return: 0, or -1 with VolumeInUse.
 */
int ownership_check(struct agent *agent, const struct volume_header *header, bool take_over,
		    struct fault *f)
{
	uint64_t unchanged = ownership_see(agent, header);

	return rules_owner(header->cluster_id, &header->owner, agent->host.host,
			   unchanged / NS_PER_S, take_over, f);
}

/**
 * ownership_claim() - write to the header of @job that the volume belongs to this host
 * @job: @header as it was checked, @found and @number; @claim_ns and the time of @owner are filled
 *
 * Runs in the device thread. A write-protected disk is not claimed, nor by a host without an id.
 *
 * Return: 0 or -1 with the job's fault.
 */
int ownership_claim(struct volume_job *job)
{
	uint64_t before = lease_now();
	int _cleanup_close_ own = -1;
	int claim;

	job->claim_ns = 0;
	memcpy(job->owner.time, job->stamp.time, sizeof(job->owner.time));
	if (!job->owner.host[0] || block_device_is_protected(job->found))
		return 0;
	claim = write_claim_job(job, job->number, &own);
	if (claim < 0 || header_set_owner(job->found, claim, job->volume_id, &job->header.owner,
					  &job->owner, &job->fault) < 0)
		return -1;
	job->claim_ns = before + job->owner.claim * NS_PER_S;
	return 0;
}

/**
 * ownership_release() - end this host's claim: its device is gone. After it has fenced a host, its claim
 *	lasts as long as the other host's
 * @job: @found and @number, and what ownership_claim() needs
 *
 * Runs in the device thread. If the header does not take it, another host waits for the claim's end. A
 * write-protected disk was not claimed.
 *
 * Return: true when the header has the stamp @job->owner.
 */
bool ownership_release(struct volume_job *job)
{
	int _cleanup_close_ claim = -1;
	struct fault f;

	job->owner.claim = fencing_claim(0, job->fence_end_ns);
	if (!job->owner.host[0] || (!job->claim_ns && block_device_is_protected(job->found)))
		return false;
	claim = write_claim(job->found, job->number, job->volume_id, &f);
	if (claim >= 0 &&
	    header_set_owner(job->found, claim, job->volume_id, NULL, &job->owner, &f) == 0)
		return true;
	log_warning("Cluster %s: the claim in the header on %s is not ended: %s", job->cluster_id,
		    job->found, f.message);
	return false;
}

/* ---- renewal ---- */

struct stamp_job {
	struct agent *agent;
	dev_t number;
	char volume_id[22];
	struct volume_owner owner;
	uint64_t begun_ns; /* 0: the disk is write-protected */
	bool claimed;	   /* the disk could be had: VolumeInUse is what the header says */
	bool keep;	   /* the catalog wants a copy of the header */
	struct kept_header *kept;
	struct fault fault;
	int result;
	char device[];
};

static void stamp_run(void *data)
{
	struct stamp_job *job = data;
	int _cleanup_close_ claim = -1;

	if (block_device_is_protected(job->device))
		return;
	job->begun_ns = lease_now();
	claim = write_claim(job->device, job->number, job->volume_id, &job->fault);
	job->claimed = claim >= 0;
	job->result = claim < 0 ? -1
				: header_set_owner(job->device, claim, job->volume_id, NULL,
						   &job->owner, &job->fault);
	if (job->result == 0 && job->keep)
		job->kept = kept_header_make(job->device);
}

static void stamp_free(void *data)
{
	struct stamp_job *job = data;

	kept_header_free(job->kept);
	free(job);
}

/* Another host has taken the volume over, or somebody has forged its stamp: the lease is the last. */
static void end_claim(struct cluster *cluster)
{
	if (!cluster->claim_ns || cluster->claim_ns > cluster->deadline_ns)
		cluster->claim_ns = cluster->deadline_ns;
}

static void stamp_done(void *data)
{
	struct stamp_job *job = data;
	struct cluster *cluster = cluster_find_volume(job->agent, job->volume_id);

	if (cluster)
		cluster->stamping = false;
	if (cluster && job->result < 0 && job->claimed && !strcmp(job->fault.code, "VolumeInUse"))
		end_claim(cluster);
	if (job->result < 0)
		log_error("Cluster %s: the claim on its volume is not renewed: %s",
			  cluster ? cluster->id : job->volume_id, job->fault.message);
	else if (cluster && (cluster->key || cluster_is_plain(cluster)) && job->begun_ns)
		cluster->claim_ns = job->begun_ns + job->owner.claim * NS_PER_S;
	if (cluster && job->result == 0 && job->begun_ns)
		stamp_written(cluster, &job->owner);
	if (cluster)
		kept_header_record(cluster, job->kept);
	stamp_free(job);
}

static const struct device_work stamp_work = {
	.run = stamp_run,
	.done = stamp_done,
	.drop = stamp_free,
};

/**
 * ownership_renew() - write a new stamp when a quarter of the claim has passed
 *
 * Works in the background: a disk that hangs must not hold up the leases.
 */
void ownership_renew(struct cluster *cluster)
{
	struct agent *agent = cluster->agent;
	uint64_t claim = agent_claim_seconds(agent) * NS_PER_S, now = lease_now();
	const char *device = cluster_disk_path(cluster);
	struct stamp_job *job;

	if (!agent->host.host[0] || cluster->stamping || cluster->operation ||
	    cluster->claim_ns > now + claim / 4 * 3)
		return;
	job = calloc(1, sizeof(*job) + strlen(device) + 1);
	if (!job)
		return;
	job->agent = agent;
	strcpy(job->device, device);
	job->number = cluster->mapping.below;
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	job->owner = agent->host;
	job->owner.claim = fencing_claim(agent_claim_seconds(agent),
					 cluster->reservation.fence_end_ns);
	memcpy(job->owner.time, cluster->stamp.time, sizeof(job->owner.time));
	/* Of a cluster that an agent without such copies has started. */
	job->keep = kept_header_is_wanted(cluster);
	cluster->stamping = true;
	device_thread_submit(agent->devices, cluster->volume_id, &stamp_work, job);
}

/** ownership_forget() - free all sightings */
void ownership_forget(struct agent *agent)
{
	while (agent->sightings) {
		struct sighting *s = agent->sightings;

		agent->sightings = s->next;
		free(s);
	}
}
