// SPDX-License-Identifier: MIT
/*
 * Compares the catalog, the kernel and the disks when the agent starts. They differ after a kill of
 * the agent, a restart of the host, or a loss of the catalog. The order matters. Live devices of
 * the catalog come first (device_verdict.c), since their leases run; the disks, which may hang,
 * come afterwards.
 *
 * If the catalog does not know a volume, the agent takes over the loss that the disk records. If
 * the catalog knows the volume, the agent asks the KMS: see loss_record_doubt().
 */
#include "agent/work/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/pools.h"
#include "agent/catalog/protections.h"
#include "agent/catalog/reaches.h"
#include "agent/catalog/settings.h"
#include "agent/catalog/snapshots.h"
#include "agent/lease/grant.h"
#include "agent/volume/device_events.h"
#include "agent/volume/locate.h"
#include "agent/volume/scan.h"
#include "agent/work/device_verdict.h"
#include "agent/work/fencing.h"
#include "agent/work/findings.h"
#include "agent/work/key_loss.h"
#include "agent/work/left_reservation.h"
#include "agent/work/length.h"
#include "agent/work/loss_record.h"
#include "agent/work/ownership.h"
#include "agent/work/path_look.h"
#include "agent/work/place.h"
#include "agent/work/pool.h"
#include "agent/work/rebuild.h"
#include "agent/work/recovery_window.h"
#include "agent/work/release.h"
#include "agent/work/restart.h"
#include "agent/work/resume.h"
#include "agent/work/scan_job.h"
#include "agent/work/snapshot_removal.h"
#include "agent/work/stamp.h"
#include "agent/work/start_note.h"
#include "agent/work/state.h"
#include "lib/base/log.h"

/** reconcile_load_choices() - read what people chose for a cluster from the catalog's other tables */
void reconcile_load_choices(struct cluster *cluster)
{
	struct fault f;

	if (settings_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	if (protections_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	if (reaches_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	if (cluster->agent->pools && pool_volumes_find(cluster->agent->catalog, cluster->volume_id,
						       &cluster->in_pool, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	start_note_load(cluster);
}

/** reconcile_load_cluster() - take a cluster of the catalog into the agent's list */
void reconcile_load_cluster(struct cluster *cluster, void *userdata)
{
	cluster_add(userdata, cluster);
	place_load(cluster);
	stamp_load(cluster);
	length_load(cluster);
	fencing_load(cluster);
	release_await(cluster);
	reconcile_load_choices(cluster);
	grant_load(cluster);
	recovery_window_load(cluster);
	key_loss_check(cluster);
}

/** reconcile_load() - fill the agent's list from the catalog; 0 or -1 */
int reconcile_load(struct agent *agent, struct fault *f)
{
	/* Without pools and snapshots the clusters can be started all the same. */
	if (pools_load(agent, f) < 0 || snapshots_load(agent, f) < 0)
		log_error("%s", f->message);
	return catalog_load(agent->catalog, reconcile_load_cluster, agent, f);
}

static int64_t parse_time(const char *text)
{
	struct tm tm = { 0 };

	return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm)
							: (int64_t)time(NULL);
}

/* Does the header record that the key was lost? @status: recoverable or not */
static bool tells_loss(const struct volume_header *header, enum cluster_status *status)
{
	return !header->plain && cluster_status_parse(header->state, status) &&
	       (*status == CLUSTER_INACCESSIBLE || *status == CLUSTER_RECOVERABLE);
}

/* Takes over a loss that the disk records, for a cluster that the catalog does not know. */
static bool take_state(struct cluster *cluster, const struct volume_header *header)
{
	enum cluster_status status;

	if (!tells_loss(header, &status))
		return false;
	cluster->denied_since = parse_time(header->state_time);
	state_set_soon(cluster, status, NULL, "%s", header->state_reason);
	key_loss_check(cluster);
	return true;
}

/**
 * reconcile_take_in() - take in a volume of a lost catalog, or of a disk from another host
 * @take_over: a client says that the volume's other owner is gone
 */
void reconcile_take_in(const struct scan_job *job, const struct scanned *volume, bool take_over)
{
	struct agent *agent = job->agent;
	struct cluster *cluster;
	struct fault f;

	if (!strcmp(volume->header.state, "deleted"))
		return;
	if (ownership_check(agent, &volume->header, take_over, &f) < 0) {
		findings_warning(agent, volume->device,
				 "The volume on %s is not taken in: %s (envelope cluster adopt --device %s)",
				 volume->device, f.message, volume->device);
		return;
	}
	if (cluster_find(agent, volume->header.cluster_id)) {
		findings_warning(agent, volume->device,
				 "%s holds the volume %s of a cluster %s, but this host has another cluster of that name.",
				 volume->device, volume->header.volume_id,
				 volume->header.cluster_id);
		return;
	}
	cluster = calloc(1, sizeof(*cluster));
	if (!cluster)
		return;
	cluster_from_header(cluster, &volume->header);
	cluster->device = strdup(volume->device);
	if (!cluster->device) {
		cluster_free(cluster);
		return;
	}
	/* Not proved yet: the KMS proves the header when the cluster is started. */
	cluster->created = time(NULL);
	/* What was chosen for it is not known, and a deletion cannot be undone. */
	cluster->deletion_protection = true;
	state_begin(cluster, CLUSTER_STOPPED);
	cluster_add(agent, cluster);
	place_found(cluster, volume->device, volume->disk);
	cluster->at_path = volume->number;
	fencing_load(cluster);
	grant_from_header(cluster, &volume->header);
	log_warning("Cluster %s: found its volume %s on %s. The catalog has no settings of it: it is protected against deletion, has no discards, and no profile and endpoint of its own unless 'envelope cluster adopt' gave them. See 'envelope cluster modify'.",
		    cluster->id, cluster->volume_id, cluster->device);
	/*
	 * Either the recorded loss or "found": the first row in the catalog must include the loss. The
	 * place and the grant are saved with the row.
	 */
	if (!take_state(cluster, &volume->header))
		state_set_soon(cluster, CLUSTER_STOPPED, NULL,
			       "found: its volume was found by the header on %s. Its settings are not known: deletion protection is on",
			       cluster->device);
	device_verdict_found(cluster, job->mappings, job->mapping_count);
}

/** scan_job_copy() - another device with the same volume, or NULL */
const struct scanned *scan_job_copy(const struct scan_job *job, const struct scanned *volume)
{
	for (size_t i = 0; i < job->count; i++)
		if (&job->volumes[i] != volume &&
		    !strcmp(job->volumes[i].header.volume_id, volume->header.volume_id))
			return &job->volumes[i];
	return NULL;
}

/* Is the device the cluster's disk? locate.c has the same rule for a start. */
static bool is_disk_of(const struct scanned *volume, const struct cluster *cluster)
{
	bool at_path = cluster->at_path == volume->number;
	bool known = at_path ? !cluster->disk || !strcmp(cluster->disk, volume->disk)
			     : disk_identity_proves(cluster->disk, volume->disk);
	if (!known)
		return false;
	/* A live device has its disk, whose stamp may have been renewed since the look. */
	return cluster->mapping.name[0] ||
	       !locate_is_older_copy(cluster->disk, volume->disk, &volume->header.owner,
				     &cluster->stamp);
}

/*
 * Compares the states in the catalog and on the disk. The agent writes the catalog first. A
 * different state on the disk is therefore an old one that was not erased in time, such as a loss
 * that the cluster has recovered from. A permanent loss cannot be an old state: no cluster recovers
 * from it.
 */
static void compare_state(struct cluster *cluster, const struct volume_header *header)
{
	const char *expected = cluster_is_inaccessible(cluster)
				       ? cluster_status_name(cluster->status)
				       : "";

	if (!loss_record_doubt(cluster, header) && strcmp(header->state, expected))
		loss_record_write(cluster);
}

static void update(struct cluster *cluster, const struct scanned *volume)
{
	const struct volume_header *header = &volume->header;
	bool come, unsaved;

	if (cluster->operation || cluster_is_in_between(cluster))
		return;
	if (!is_disk_of(volume, cluster)) {
		findings_warning(cluster->agent, volume->device,
				 "%s has the header of the volume %s of cluster %s, but is not known to be its disk, which is %s (%s). Nothing is changed.",
				 volume->device, cluster->volume_id, cluster->id, cluster->device,
				 cluster->disk ? cluster->disk : "unknown");
		cluster->absent = true;
		return;
	}
	come = cluster->absent;
	unsaved = place_found(cluster, volume->device, volume->disk);
	unsaved |= grant_from_header(cluster, header);
	if (unsaved)
		state_save_soon(cluster);
	compare_state(cluster, header);
	if (come)
		restart_disk_found(cluster);
}

static bool is_listed(const struct scan_job *job, const struct cluster *cluster)
{
	for (size_t i = 0; i < job->count; i++)
		if (!strcmp(job->volumes[i].header.volume_id, cluster->volume_id))
			return true;
	return false;
}

/*
 * A disk that has gone is shown, and decides nothing: it may be a cable. The device on the disk reports
 * the disk's errors, and the lease goes on.
 */
static void note_absent(const struct scan_job *job)
{
	for (struct cluster *c = job->agent->clusters; c; c = c->next) {
		if (c->absent || c->operation || c->changed > job->changes || is_listed(job, c))
			continue;
		c->absent = true;
		log_warning("Cluster %s: its disk %s is not there, or cannot be read.", c->id,
			    cluster_disk_path(c));
	}
	device_events_changed(job->agent);
}

/** scan_job_run() - read the headers of all disks, in a device thread */
void scan_job_run(void *data)
{
	struct scan_job *job = data;

	job->count = scan_volumes(NULL, &job->volumes, job->unreadable);
	job->result = mapper_list(&job->mappings, &job->mapping_count, &job->fault);
}

/* The layers above a disk that has just come may come later: it is not known yet which is the volume. */
static void note_unknown(struct agent *agent, const struct scanned *volume)
{
	if (strcmp(volume->header.state, "deleted"))
		findings_info(agent, volume->device,
			      "%s holds the volume %s of a cluster %s that the catalog does not know. To take it in: envelope cluster adopt --device %s",
			      volume->device, volume->header.volume_id, volume->header.cluster_id,
			      volume->device);
}

/* Return: whether a volume must be read again. */
static bool compare(const struct scan_job *job)
{
	bool again = false;

	for (size_t i = 0; i < job->count; i++) {
		const struct scanned *volume = &job->volumes[i], *copy = scan_job_copy(job, volume);
		struct cluster *cluster = cluster_find_volume(job->agent, volume->header.volume_id);

		if (copy)
			findings_warning(job->agent, volume->device,
					 "The volume %s of the cluster %s is on %s and on %s: one of them is a copy. Neither is taken in or written to. Take the copy away.",
					 volume->header.volume_id, volume->header.cluster_id,
					 volume->device, copy->device);
		/* The scan read the header before an operation ended: the header may have changed. */
		else if ((cluster ? cluster->changed : job->agent->removed) > job->changes)
			again = true;
		else if (cluster)
			update(cluster, volume);
		/* Nobody has proved a plain header, so a person decides. */
		else if (job->known_only || volume->header.plain)
			note_unknown(job->agent, volume);
		else if (job->result == 0)
			reconcile_take_in(job, volume, false);
	}
	return again;
}

static void scan_begin(struct scan_job *job);

/** scan_job_free() - free what a look has found */
void scan_job_free(struct scan_job *job)
{
	scan_free(job->volumes, job->count);
	free(job->mappings);
	json_object_put(job->unreadable);
}

/* The devices and disks that could not be looked at. */
static void note_failures(const struct scan_job *job)
{
	if (job->result < 0)
		findings_warning(job->agent, MAPPER_CONTROL,
				 "%s No volume that is not in the catalog is taken in.",
				 job->fault.message);
	if (!job->unreadable)
		return;
	json_object_object_foreach(job->unreadable, device, reason)
		findings_warning(job->agent, device, SCAN_UNREADABLE, device,
				 json_object_get_string(reason));
}

static void scan_done(void *data)
{
	struct scan_job *job = data;
	struct agent *agent = job->agent;
	bool again, doubted = !job->known_only && rebuild_is_due(job);

	findings_begin(agent);
	note_failures(job);
	again = compare(job);
	note_absent(job);
	if (!again) {
		findings_end(agent);
		left_reservation_end(agent);
	}
	scan_job_free(job);
	if (again) {
		scan_begin(job);
		return;
	}
	free(job);
	agent->scanning = false;
	if (doubted)
		rebuild_look(agent);
	if (agent->scan_again)
		reconcile_disks(agent);
}

static void scan_drop(void *data)
{
	scan_job_free(data);
	free(data);
}

static const struct device_work scan_work = {
	.run = scan_job_run,
	.done = scan_done,
	.drop = scan_drop,
};

static void paths_known(void *data)
{
	struct scan_job *job = data;

	device_thread_submit(job->agent->devices, DEVICE_LANE_SCAN, &scan_work, job);
}

static const struct path_looks_end paths_end = {
	.then = paths_known,
	.drop = scan_drop,
};

/* A look that was asked to take volumes in does so, also when it is made again. */
static void scan_begin(struct scan_job *job)
{
	bool known_only = job->known_only && !job->agent->take_in;

	job->agent->take_in = false;
	*job = (struct scan_job){ .agent = job->agent,
				  .changes = job->agent->changes,
				  .unreadable = json_object_new_object(),
				  .known_only = known_only };
	job->agent->scanning = true;
	job->agent->scan_again = false;
	path_looks(job->agent, &paths_end, job);
}

/**
 * reconcile_scan() - resume interrupted jobs, then look for volumes on all disks and take them in
 *
 * Works in the background.
 */
void reconcile_scan(struct agent *agent)
{
	struct scan_job *job = calloc(1, sizeof(*job));

	if (!job) {
		log_error("Out of memory.");
		return;
	}
	job->agent = agent;
	resume_interrupted(agent);
	pool_resume(agent);
	snapshot_resume(agent);
	scan_begin(job);
}

/**
 * reconcile_disks() - disks have come or gone: look which clusters' disks are there
 *
 * Works in the background, one look at a time. A call during a look makes another look follow.
 */
void reconcile_disks(struct agent *agent)
{
	struct scan_job *job;

	if (agent->scanning) {
		agent->scan_again = true;
		return;
	}
	job = calloc(1, sizeof(*job));
	if (!job) {
		log_error("Out of memory.");
		return;
	}
	job->agent = agent;
	job->known_only = true;
	scan_begin(job);
}
