// SPDX-License-Identifier: MIT
/*
 * Writes to the header of a volume which KMS gave its key last, for a host that has no catalog of the
 * volume. The catalog is written first.
 *
 * Must never hold up or fail a start or a renewal: the catalog of this host has the same.
 */
#include "agent/work/kms_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/volume/device_thread.h"
#include "agent/volume/write_claim.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/header/header_kms.h"

struct kms_record_job {
	struct agent *agent;
	dev_t number;
	char volume_id[22];
	char host[33];
	char kms[VOLUME_KMS_MAX];
	struct fault fault;
	int result;
	char device[];
};

static void record_run(void *data)
{
	struct kms_record_job *job = data;

	int _cleanup_close_ claim = write_claim(job->device, job->number, job->volume_id,
						&job->fault);

	job->result = claim < 0 ? -1
				: header_set_kms(job->device, claim, job->volume_id, job->host,
						 job->kms, &job->fault);
}

static void record_done(void *data)
{
	struct kms_record_job *job = data;
	struct cluster *cluster = cluster_find_volume(job->agent, job->volume_id);

	if (cluster) {
		cluster->kms_on_disk.writing = false;
		if (job->result == 0)
			memcpy(cluster->kms_on_disk.kms, job->kms,
			       sizeof(cluster->kms_on_disk.kms));
		else if (!cluster->kms_on_disk.failed)
			log_warning("Cluster %s: the KMS that gives its key is not recorded in the header of its volume: %s Tried again at each grant.",
				    cluster->id, job->fault.message);
		cluster->kms_on_disk.failed = job->result < 0;
	}
	free(job);
}

static const struct device_work record_work = {
	.run = record_run,
	.done = record_done,
	.drop = free,
};

/**
 * kms_record_write() - the KMS has given the key: write its identity to the header, if it is new there
 *
 * Works in the background. Nothing is written for a read-only device. The next grant tries again what
 * the disk did not take.
 */
void kms_record_write(struct cluster *cluster)
{
	const char *device = cluster_disk_path(cluster);
	struct kms_record_job *job;

	if (!cluster->grant.kms[0] || !strcmp(cluster->grant.kms, cluster->kms_on_disk.kms) ||
	    cluster->kms_on_disk.writing || cluster->mapping.read_only)
		return;
	job = calloc(1, sizeof(*job) + strlen(device) + 1);
	if (!job)
		return;
	job->agent = cluster->agent;
	strcpy(job->device, device);
	job->number = cluster->mapping.below;
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	memcpy(job->host, cluster->agent->host.host, sizeof(job->host));
	memcpy(job->kms, cluster->grant.kms, sizeof(job->kms));
	cluster->kms_on_disk.writing = true;
	device_thread_submit(cluster->agent->devices, cluster->volume_id, &record_work, job);
}
