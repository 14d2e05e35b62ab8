// SPDX-License-Identifier: MIT
/*
 * Does the catalog ask the KMS for the right key? A changed character in the catalog makes a question
 * about a key that no cluster has, and the KMS's "not found" would end the cluster for good. See
 * catalog_witness.h.
 */
#include "agent/work/catalog_witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "lib/header/header.h"

#define REPAIR                                                                                  \
	"The catalog is damaged. Stop enveloped, move its catalog away and start it: it takes " \
	"the clusters in from the headers of their volumes."

struct witness_job {
	struct agent *agent;
	char volume_id[22];
	struct volume_header header;
	struct fault refusal;
	catalog_witness_done_t done;
	int result;
	bool decided; /* without the header: the disk took too long */
	char device[];
};

/**
 * catalog_witness_compare() - is the key that the catalog has for a cluster that of its header?
 * @header: as read from the disk
 * @f: damaged-catalog; names both keys
 *
 * A header with another hash says nothing: it is not the one that was written for the cluster.
 *
 * Return: 0, or -1 if the catalog is damaged.
 */
int catalog_witness_compare(const struct cluster *cluster, const struct volume_header *header,
			    struct fault *f)
{
	if (strcmp(cluster->header_sha256, header->header_sha256) ||
	    !strcmp(cluster->key_arn, header->key_arn))
		return 0;
	return fault_set(f, "damaged-catalog",
			 "The catalog has the key %.150s, and the header of the volume %.150s. " REPAIR,
			 cluster->key_arn, header->key_arn);
}

/*
 * No hash covers the wrapped key. A difference counts only if the KMS says that the wrapped key is
 * not of the key that it was asked for. Nobody can keep another refusal from being final with a
 * changed disk.
 */
static int compare_wrapped(const struct witness_job *job, const struct cluster *cluster,
			   struct fault *f)
{
	if (strcmp(job->refusal.code, "IncorrectKeyException") ||
	    strcmp(cluster->header_sha256, job->header.header_sha256) ||
	    cluster_has_header(cluster, &job->header))
		return 0;
	return fault_set(f, "damaged-catalog",
			 "The catalog and the header of the volume have different wrapped keys, both for the key %.150s. " REPAIR,
			 job->header.key_arn);
}

static void run(void *data)
{
	struct witness_job *job = data;
	struct fault ignored;

	job->result = header_read(job->device, &job->header, &ignored);
}

static void decide(struct witness_job *job, bool read)
{
	struct cluster *cluster = cluster_find_volume(job->agent, job->volume_id);
	struct fault damage = { 0 };

	if (!cluster || job->decided)
		return;
	job->decided = true;
	if (read && catalog_witness_compare(cluster, &job->header, &damage) == 0)
		compare_wrapped(job, cluster, &damage);
	job->done(cluster, &job->refusal, &damage);
}

static void on_done(void *data)
{
	struct witness_job *job = data;

	decide(job, job->result == 0);
	free(job);
}

static void on_late(void *data, bool begun)
{
	decide(data, false);
	if (!begun)
		free(data);
}

static const struct device_work work = {
	.run = run,
	.done = on_done,
	.late = on_late,
	.drop = free,
};

/**
 * catalog_witness() - compare the catalog with the header on the disk, before a refusal becomes final
 * @refusal: of the KMS
 * @done: gets the result. A disk that cannot be read, or takes too long, keeps nothing from being final.
 */
void catalog_witness(struct cluster *cluster, const struct fault *refusal,
		     catalog_witness_done_t done)
{
	const struct fault none = { 0 };
	const char *device = cluster_disk_path(cluster);
	struct witness_job *job = calloc(1, sizeof(*job) + strlen(device) + 1);

	if (!job) {
		done(cluster, refusal, &none);
		return;
	}
	job->agent = cluster->agent;
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	strcpy(job->device, device);
	job->refusal = *refusal;
	job->done = done;
	device_thread_submit(cluster->agent->devices, cluster->volume_id, &work, job);
}
