// SPDX-License-Identifier: MIT
/*
 * Writes the loss of a key into the state token of the volume's header. The loss of the catalog
 * cannot undo this record.
 */
#include "agent/work/loss_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "agent/catalog/cluster_list.h"
#include "agent/volume/sysfs.h"
#include "agent/volume/write_claim.h"
#include "agent/work/state.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/volume_owner.h"

/* Seconds until a record that the disk did not take is written again: from the first to the last. */
#define AGAIN_FIRST_S 1
#define AGAIN_MOST_S  60

struct record_job {
	struct agent *agent;
	dev_t number;
	char volume_id[22];
	char id[CLUSTER_ID_MAX + 1];
	char state[64];
	char reason[512];
	char host[33];
	struct fault fault;
	int result;
	char device[];
};

/* The disk of a failed device may have come back under another number: then its volume id decides. */
static dev_t number_of(const struct record_job *job)
{
	_cleanup_text_ char *name = job->number ? sysfs_name(job->number) : NULL;

	return name ? job->number : 0;
}

static void record_run(void *data)
{
	struct record_job *job = data;
	struct volume_header header;
	int _cleanup_close_ claim = write_claim(job->device, number_of(job), job->volume_id,
						&job->fault);
	char whose[VOLUME_OWNER_TEXT_MAX];
	struct fault ignored;

	if (claim < 0)
		job->result = -1;
	else if (header_read_claimed(job->device, claim, &header, &ignored) == 0 &&
		 volume_owner_is_other(&header.owner, job->host))
		job->result = fault_set(&job->fault, "VolumeInUse", "the volume %s",
					volume_owner_text(&header.owner, whose));
	else
		job->result = header_set_state(job->device, claim, job->volume_id,
					       job->state[0] ? job->state : NULL, job->reason,
					       &job->fault);
}

static void write_again(struct cluster *cluster);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cluster *cluster = userdata;

	/* A deletion may be about to write to the header, or a start to read it. */
	if (cluster->operation || cluster_is_in_between(cluster))
		write_again(cluster);
	else
		loss_record_write(cluster);
	return 0;
}

static void write_again(struct cluster *cluster)
{
	unsigned int shift = cluster->record.failures < 6 ? cluster->record.failures : 6;
	uint64_t delay = (uint64_t)AGAIN_FIRST_S << shift;
	int r;

	if (delay > AGAIN_MOST_S)
		delay = AGAIN_MOST_S;
	cluster->record.timer = sd_event_source_disable_unref(cluster->record.timer);
	r = sd_event_add_time_relative(cluster->agent->event, &cluster->record.timer,
				       CLOCK_BOOTTIME, delay * 1000000, 0, on_again, cluster);
	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

static void record_failed(struct cluster *cluster, const struct record_job *job)
{
	if (!cluster->record.failures)
		log_error("Cluster %s: cannot record its state in the header on %s: %s. Tried again until the disk takes it.",
			  job->id, job->device, job->fault.message);
	write_again(cluster);
	cluster->record.failures++;
}

static void record_done(void *data)
{
	struct record_job *job = data;
	struct cluster *cluster = cluster_find_volume(job->agent, job->volume_id);

	if (cluster && job->result < 0) {
		record_failed(cluster, job);
	} else if (cluster) {
		if (cluster->record.failures)
			log_info("Cluster %s: its state is recorded in the header on %s now.",
				 job->id, job->device);
		cluster->record.timer = sd_event_source_disable_unref(cluster->record.timer);
		cluster->record.failures = 0;
	}
	free(job);
}

static const struct device_work record_work = {
	.run = record_run,
	.done = record_done,
	.drop = free,
};

/**
 * loss_record_write() - bring the header's state token in line with the cluster
 *
 * Records only what must survive a lost catalog: that the key is lost. Works in the background. What
 * the disk does not take is written again until it does, by the next agent too.
 */
void loss_record_write(struct cluster *cluster)
{
	const char *device = cluster_disk_path(cluster);
	struct record_job *job = calloc(1, sizeof(*job) + strlen(device) + 1);

	if (!job) {
		log_error("Out of memory.");
		return;
	}
	job->agent = cluster->agent;
	strcpy(job->device, device);
	job->number = cluster->mapping.below;
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	snprintf(job->id, sizeof(job->id), "%s", cluster->id);
	memcpy(job->host, cluster->agent->host.host, sizeof(job->host));
	if (cluster_is_inaccessible(cluster)) {
		snprintf(job->state, sizeof(job->state), "%s",
			 cluster_status_name(cluster->status));
		snprintf(job->reason, sizeof(job->reason), "%s", cluster->reason);
	}
	device_thread_submit(cluster->agent->devices, cluster->volume_id, &record_work, job);
}

/**
 * loss_record_doubt() - does the header have a permanent loss that the catalog does not know of?
 *
 * No hash covers the state token, so a program that can write to the disk can forge it. The agent
 * writes its catalog first. So it did not write this token, unless the catalog took no change from
 * the denial to the end of that agent. The token stays on the disk, in case the catalog is lost,
 * until the KMS has been asked for the key, as for each start and renewal. Then the KMS refuses the
 * key, or loss_record_refute() follows.
 */
bool loss_record_doubt(struct cluster *cluster, const struct volume_header *header)
{
	bool before = cluster->disk_doubted;

	cluster->disk_doubted = !header->plain && !cluster_is_inaccessible(cluster) &&
				!strcmp(header->state, cluster_status_name(CLUSTER_INACCESSIBLE));
	if (cluster->disk_doubted && !before)
		log_warning("Cluster %s: the header on %s says that its key is lost, of which the catalog knows nothing: that is for the KMS to say.",
			    cluster->id, cluster_disk_path(cluster));
	return cluster->disk_doubted;
}

/** loss_record_refute() - the KMS has given the key: correct a disk that was in doubt */
bool loss_record_refute(struct cluster *cluster)
{
	if (!cluster->disk_doubted)
		return false;
	cluster->disk_doubted = false;
	state_set(cluster, cluster->status,
		  "header-refuted: the header on %s said that the key was lost, but the KMS gives it",
		  cluster_disk_path(cluster));
	loss_record_write(cluster);
	return true;
}
