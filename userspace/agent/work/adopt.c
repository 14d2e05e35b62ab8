// SPDX-License-Identifier: MIT
/*
 * AdoptCluster: takes in the volume on one device that a client names. All disks are looked at, because
 * another one may hold a copy of the volume.
 */
#include "agent/work/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/api/reply.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/reaches.h"
#include "agent/catalog/reservations.h"
#include "agent/rules/owner_rules.h"
#include "agent/volume/write_claim.h"
#include "agent/work/fencing.h"
#include "agent/work/named_device.h"
#include "agent/work/ownership.h"
#include "agent/work/scan_job.h"
#include "agent/work/state.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/header/block_device.h"

/**
 * struct adoption - a call of AdoptCluster
 * @call, @params, @uid, @pid: of the client; @call is NULL after the answer
 * @device, @number: to be taken in; @device is owned, @number is 0 if no block device is there
 * @take_over: the client says that the volume's other owner is gone
 * @reach: of the cluster
 * @expelled, @self: the volume from which its owner is fenced, and this host
 * @fence_end_ns: end of that owner's claim; 0: it was not fenced
 * @disk: why the client's device cannot be read; no code if it can
 */
struct adoption {
	struct scan_job scan;
	struct varlink_call *call;
	json_object *params;
	uid_t uid;
	pid_t pid;
	char *device;
	dev_t number;
	bool take_over;
	struct reach reach;
	struct scanned *expelled;
	struct volume_owner self;
	uint64_t fence_end_ns;
	struct fault disk;
};

/* Why the look could not read the client's device, which begins as a volume does; NULL otherwise. */
static const char *unreadable(const struct adoption *job)
{
	struct stat st;

	if (!job->scan.unreadable)
		return NULL;
	json_object_object_foreach(job->scan.unreadable, path, reason)
		if (stat(path, &st) == 0 && st.st_rdev == job->number)
			return json_object_get_string(reason);
	return NULL;
}

/* The volume on the client's device; NULL with a fault if it cannot be taken in. */
static struct scanned *find_volume(const struct adoption *job, struct fault *f)
{
	const struct scan_job *scan = &job->scan;
	struct scanned *volume = NULL;
	const struct scanned *copy;
	struct cluster *cluster;

	for (size_t i = 0; i < scan->count && !volume; i++)
		if (scan->volumes[i].number == job->number)
			volume = &scan->volumes[i];
	if (!volume || !strcmp(volume->header.state, "deleted")) {
		const char *why = volume ? NULL : unreadable(job);

		if (volume)
			fault_set(f, "InvalidVolumeHeader",
				  "The cluster %s of the volume on %s was deleted at %s, and a deleted volume is not taken in. To give the disk to a new cluster, without the data on it, create that cluster with --allow-overwrite.",
				  volume->header.cluster_id, job->device,
				  volume->header.state_time[0] ? volume->header.state_time
							       : "a time that it does not tell");
		else if (job->disk.code[0])
			*f = job->disk;
		else if (why)
			fault_set(f, "InvalidVolumeHeader", "%s", why);
		else
			fault_set(f, "InvalidVolumeHeader",
				  "%s holds no volume of a cluster, or lies below another device.",
				  job->device);
		return NULL;
	}
	if (scan->agent->removed > scan->changes) {
		fault_set(f, "InvalidDBClusterStateFault",
			  "A cluster was deleted while %s was read. Try again.", job->device);
		return NULL;
	}
	cluster = cluster_find_volume(scan->agent, volume->header.volume_id);
	if (!cluster)
		cluster = cluster_find(scan->agent, volume->header.cluster_id);
	copy = scan_job_copy(scan, volume);
	if (cluster)
		fault_set(f, "DBClusterAlreadyExistsFault",
			  "DB Cluster %s already exists. A name can be used once on a host. See whether it has this volume: envelope cluster describe",
			  cluster->id);
	else if (copy)
		fault_set(f, "InvalidVolumeHeader",
			  "The volume %s of the cluster %s is on %s and on %s: one of them is a copy. Take the copy away, then try again.",
			  volume->header.volume_id, volume->header.cluster_id, volume->device,
			  copy->device);
	else
		return volume;
	return NULL;
}

/* @cluster: taken in; NULL: @f says why not */
static void answer(struct adoption *job, struct cluster *cluster, const struct fault *f)
{
	audit_api_call(job->scan.agent->audit, "AdoptDBCluster", job->params, job->uid, job->pid,
		       cluster, cluster ? NULL : f);
	if (cluster)
		reply_cluster(job->call, cluster);
	else
		reply_fault(job->call, f);
	job->call = NULL;
}

static void adopt_free(void *data)
{
	struct adoption *job = data;

	json_object_put(job->params);
	free(job->device);
	scan_job_free(&job->scan);
	free(job);
}

static void adopt_volume(struct adoption *job, const struct scanned *volume, struct fault *refusal)
{
	struct fault f = *refusal;
	struct cluster *cluster = NULL;

	/* Too late: the client has a fault. Nothing is taken in, unless this host has the disk now. */
	if (!job->call && !job->expelled) {
		adopt_free(job);
		return;
	}
	/* First: a volume that is taken in without them would be asked about at another KMS. */
	if (volume && reaches_record(job->scan.agent->catalog, volume->header.volume_id,
				     &job->reach, &f) == 0) {
		reconcile_take_in(&job->scan, volume, job->take_over);
		cluster = cluster_find_volume(job->scan.agent, volume->header.volume_id);
		if (cluster)
			cluster->reach = job->reach;
		else
			fault_set(&f, "InternalFailure", "Out of memory.");
	}
	state_flush(job->scan.agent);
	if (job->call)
		answer(job, cluster, &f);
	adopt_free(job);
}

static void late(struct adoption *job, const struct fault *f, bool begun)
{
	log_warning("%s", f->message);
	answer(job, NULL, f);
	if (!begun)
		adopt_free(job);
}

/* A disk does not answer: perhaps another one, because each disk may hold a copy of the volume. */
static void adopt_late(void *data, bool begun)
{
	struct adoption *job = data;
	struct fault f;

	fault_set(&f, "DeviceTimeout",
		  "AdoptDBCluster of %.200s has looked for copies of the volume on all disks for more than %u seconds. Nothing was taken in. Find the disk that does not answer with 'dmesg', and try again when the disk answers.",
		  job->device, job->scan.agent->config.device_timeout_seconds);
	late(job, &f, begun);
}

static void expel_late(void *data, bool begun)
{
	struct adoption *job = data;
	struct fault f;

	fault_set(&f, "DeviceTimeout",
		  "The disk %.200s has not fenced the other host for more than %u seconds. %s",
		  job->device, job->scan.agent->config.device_timeout_seconds,
		  begun ? "If it does, the volume is taken in: see 'envelope cluster describe'."
			: "Nothing was taken in. Try again when the disks answer.");
	late(job, &f, begun);
}

static void expel_run(void *data)
{
	struct adoption *job = data;
	const struct scanned *volume = job->expelled;
	struct volume_header *header = &job->expelled->header;
	int _cleanup_close_ claim = write_claim(volume->device, volume->number, header->volume_id,
						&job->scan.fault);

	job->scan.result = claim < 0 ? -1
				     : fencing_expel(volume->device, claim, header->volume_id,
						     &header->owner, &job->self, &job->fence_end_ns,
						     &job->scan.fault);
}

static void expel_done(void *data)
{
	struct adoption *job = data;
	struct fault f = job->scan.fault, ignored;

	if (!job->fence_end_ns)
		reservations_forget(job->scan.agent->catalog, job->expelled->header.volume_id,
				    &ignored);
	/* Other work on the agent's clusters may have ended meanwhile. */
	adopt_volume(job, job->scan.result == 0 ? find_volume(job, &f) : NULL, &f);
}

static const struct device_work expel_work = {
	.run = expel_run,
	.done = expel_done,
	.late = expel_late,
	.drop = adopt_free,
};

static void adopt_done(void *data)
{
	struct adoption *job = data;
	struct fault f = job->scan.fault;
	struct scanned *volume = job->scan.result == 0 ? find_volume(job, &f) : NULL;

	if (!job->call || !volume ||
	    ownership_check(job->scan.agent, &volume->header, job->take_over, &f) == 0) {
		adopt_volume(job, volume, &f);
	} else if (rules_may_fence(&volume->header.owner, job->take_over,
				   fencing_is_on(job->scan.agent))) {
		if (fencing_announce(job->scan.agent, volume->header.volume_id,
				     volume->disk ? volume->disk : "", volume->header.owner.claim,
				     &f) < 0) {
			adopt_volume(job, NULL, &f);
			return;
		}
		job->scan.fault = f;
		job->expelled = volume;
		job->self = job->scan.agent->host;
		job->self.claim = agent_claim_seconds(job->scan.agent);
		device_thread_submit(job->scan.agent->devices, DEVICE_LANE_SCAN, &expel_work, job);
	} else {
		adopt_volume(job, NULL, &f);
	}
}

/* The look at all disks passes over a disk that does not begin as a volume, as far as it can be read. */
static void check_disk(struct adoption *job)
{
	struct block_device_contents ignored;
	int _cleanup_close_ fd = block_device_open(job->device, &job->disk);

	if (fd >= 0 &&
	    block_device_check_readable(job->device, fd, VOLUME_METADATA_BYTES, &job->disk) == 0)
		block_device_probe(job->device, fd, &ignored, &job->disk);
	if (strcmp(job->disk.code, BLOCK_DEVICE_ERROR))
		job->disk.code[0] = 0;
}

static void adopt_run(void *data)
{
	struct adoption *job = data;

	scan_job_run(&job->scan);
	check_disk(job);
}

static const struct device_work adopt_work = {
	.run = adopt_run,
	.done = adopt_done,
	.late = adopt_late,
	.drop = adopt_free,
};

static void look_run(void *data)
{
	struct adoption *job = data;

	if (!named_device_look(job->device, &job->number))
		job->number = 0;
}

static void look_done(void *data)
{
	struct adoption *job = data;
	struct fault f;

	/* Too late: the client has a fault. */
	if (!job->call) {
		adopt_free(job);
		return;
	}
	if (!job->number) {
		fault_set(&f, "InvalidParameterValue", ADOPT_NO_DEVICE, job->device);
		answer(job, NULL, &f);
		adopt_free(job);
		return;
	}
	job->scan.changes = job->scan.agent->changes;
	device_thread_submit(job->scan.agent->devices, DEVICE_LANE_SCAN, &adopt_work, job);
}

static void look_late(void *data, bool begun)
{
	struct adoption *job = data;
	struct fault f;

	fault_set(&f, "DeviceTimeout",
		  "The path %.200s has not answered for more than %u seconds. Nothing was taken in. See which file system the path is on, and try again when it answers.",
		  job->device, job->scan.agent->config.device_timeout_seconds);
	late(job, &f, begun);
}

static const struct device_work look_work = {
	.run = look_run,
	.done = look_done,
	.late = look_late,
	.drop = adopt_free,
};

/* Each path has a lane, so that one which does not answer holds no look at the disks. */
static void look_begin(struct adoption *job)
{
	const size_t room = DEVICE_LANE_MAX - sizeof("adopt "), length = strlen(job->device);
	char lane[DEVICE_LANE_MAX];

	/* The end of a long path: two paths may share a lane. */
	snprintf(lane, sizeof(lane), "adopt %s", job->device + (length > room ? length - room : 0));
	device_thread_submit(job->scan.agent->devices, lane, &look_work, job);
}

/**
 * adopt_begin() - take in the volume on one device, and answer the client
 * @call, @params: of the client
 * @device: its path
 * @take_over: the client says that the volume's other owner is gone
 * @reach: of the cluster
 *
 * Nothing is written to the disk, unless the disk must fence the owner first. If a disk does not answer
 * within DeviceTimeoutSeconds=, the client gets the fault DeviceTimeout, and nothing is taken in.
 *
 * Return: 0, or -1 with @f; then the call is not answered.
 */
int adopt_begin(struct agent *agent, struct varlink_call *call, json_object *params,
		const char *device, bool take_over, const struct reach *reach, struct fault *f)
{
	struct adoption *job = calloc(1, sizeof(*job));

	if (job)
		job->device = strdup(device);
	if (!job || !job->device) {
		free(job);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	job->scan.agent = agent;
	job->call = call;
	job->params = json_object_get(params);
	job->uid = varlink_call_uid(call);
	job->pid = varlink_call_pid(call);
	job->take_over = take_over;
	job->reach = *reach;
	job->scan.unreadable = json_object_new_object();
	look_begin(job);
	return 0;
}
