// SPDX-License-Identifier: MIT
/*
 * The copy of a volume's header is taken once: when the key has been proved to be that of the header.
 * Later the agent changes only what no hash covers: owner, state and KMS. A restore makes these
 * again, so no change of them costs a write to the catalog.
 *
 * Must never keep a header that the KMS has not proved, nor fail a start.
 */
#include "agent/work/kept_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/catalog/headers.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"

/** kept_header_is_wanted() - has the catalog no copy yet, and would take one? */
bool kept_header_is_wanted(const struct cluster *cluster)
{
	struct catalog *catalog = cluster->agent->catalog;
	struct fault f;

	return !catalog_trouble(catalog) && headers_has(catalog, cluster->volume_id, &f) == 0;
}

/**
 * kept_header_make() - read the header of a volume for the catalog
 *
 * Runs in a device thread.
 *
 * Return: for kept_header_free(), or NULL.
 */
struct kept_header *kept_header_make(const char *device)
{
	uint8_t bytes[HEADER_BACKUP_BYTES];
	struct volume_header header;
	struct fault f;

	if (header_backup_make(device, bytes, &header, &f) == 0)
		return kept_header_pack(bytes, &header);
	log_warning("The header on %s is not copied to the catalog: %s", device, f.message);
	return NULL;
}

/** kept_header_pack() - a copy of @bytes, which hold @header; NULL if memory is short */
struct kept_header *kept_header_pack(const uint8_t bytes[HEADER_BACKUP_BYTES],
				     const struct volume_header *header)
{
	struct kept_header *kept = calloc(1, sizeof(*kept));

	if (!kept || header_backup_pack(bytes, &kept->packed) < 0) {
		free(kept);
		return NULL;
	}
	kept->header = *header;
	return kept;
}

/**
 * kept_header_record() - write the copy to the catalog, after the cluster
 * @kept: NULL for nothing
 *
 * Another header than the proved one is not kept: the disk may have been written to since.
 */
void kept_header_record(struct cluster *cluster, const struct kept_header *kept)
{
	struct fault f;

	if (!kept || !cluster_has_header(cluster, &kept->header))
		return;
	if (headers_record(cluster->agent->catalog, cluster->volume_id, &kept->packed, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * kept_header_take() - fill @job for a restore of the copy in the catalog
 * @job: @kept, @state and @state_reason
 * @f: InvalidParameterCombination when there is no copy
 *
 * Return: 0 or -1.
 */
int kept_header_take(const struct cluster *cluster, struct volume_job *job, struct fault *f)
{
	struct kept_header *kept = calloc(1, sizeof(*kept));
	int r;

	if (!kept)
		return fault_set(f, "InternalFailure", "Out of memory.");
	job->kept = kept;
	r = headers_find(cluster->agent->catalog, cluster->volume_id, &kept->packed, f);
	if (r == 0)
		return fault_set(f, "InvalidParameterCombination",
				 "The catalog of this host has no copy of the header of the cluster %s: it gets one when the cluster is created or started here. Pass a backup with --file.",
				 cluster->id);
	if (r > 0 && cluster_is_inaccessible(cluster)) {
		snprintf(job->state, sizeof(job->state), "%s",
			 cluster_status_name(cluster->status));
		snprintf(job->state_reason, sizeof(job->state_reason), "%s", cluster->reason);
	}
	return r < 0 ? -1 : 0;
}

/**
 * kept_header_unpack() - the copy as a backup that records the cluster's present state
 * @job: after kept_header_take(); @backup is filled, or @fault
 *
 * Runs in a device thread. The copy is older than a loss of the key: the restored header must say that
 * the key is lost.
 *
 * Return: 0 or -1.
 */
int kept_header_unpack(struct volume_job *job, uint8_t bytes[HEADER_BACKUP_BYTES])
{
	if (header_backup_unpack(&job->kept->packed, bytes, &job->fault) < 0 ||
	    header_backup_set_state(bytes, job->volume_id, job->state[0] ? job->state : NULL,
				    job->state_reason, &job->fault) < 0)
		return -1;
	job->backup = hex_encode(bytes, HEADER_BACKUP_BYTES);
	return job->backup ? 0 : fault_set(&job->fault, "InternalFailure", "Out of memory.");
}

/** kept_header_free() - NULL is fine */
void kept_header_free(struct kept_header *kept)
{
	if (kept)
		header_backup_free(&kept->packed);
	free(kept);
}
