// SPDX-License-Identifier: MIT
/*
 * Clusters in memory: their names and ids. Decides nothing; only state.c changes a status.
 */
#include "agent/catalog/cluster.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/format_time.h"
#include "lib/base/json.h"

static const char *const status_names[] = {
	[CLUSTER_CREATING] = "creating",
	[CLUSTER_AVAILABLE] = "available",
	[CLUSTER_STOPPED] = "stopped",
	[CLUSTER_RECOVERABLE] = "inaccessible-encryption-credentials-recoverable",
	[CLUSTER_INACCESSIBLE] = "inaccessible-encryption-credentials",
	[CLUSTER_DELETING] = "deleting",
};

/** cluster_status_name() - AWS's word for a status */
const char *cluster_status_name(enum cluster_status status)
{
	return status_names[status];
}

/** cluster_status_parse() - the status of AWS's word; false for another word */
bool cluster_status_parse(const char *name, enum cluster_status *ret)
{
	for (size_t i = 0; i < sizeof(status_names) / sizeof(*status_names); i++) {
		if (!strcmp(status_names[i], name)) {
			*ret = (enum cluster_status)i;
			return true;
		}
	}
	return false;
}

/** cluster_key() - ARN of the key, or the requested key while the KMS has not resolved it */
const char *cluster_key(const struct cluster *cluster)
{
	return cluster->key_arn[0] ? cluster->key_arn : cluster->requested_key;
}

/**
 * cluster_is_plain() - is the volume not encrypted?
 *
 * It has no key then, and nobody asked for one. A creation that was interrupted before the KMS had
 * named the key looks the same in the catalog: it is undone, whatever it was to be.
 */
bool cluster_is_plain(const struct cluster *cluster)
{
	return !cluster_key(cluster)[0];
}

/** cluster_is_inaccessible() - the KMS has refused the cluster's key */
bool cluster_is_inaccessible(const struct cluster *cluster)
{
	return cluster->status == CLUSTER_INACCESSIBLE || cluster->status == CLUSTER_RECOVERABLE;
}

/** cluster_is_occupied() - must a stop, a deletion or a verdict wait for an operation under way? */
bool cluster_is_occupied(const struct cluster *cluster)
{
	return cluster->operation && !cluster->gives_way;
}

/** cluster_is_in_between() - the cluster is being created or deleted */
bool cluster_is_in_between(const struct cluster *cluster)
{
	return cluster->status == CLUSTER_CREATING || cluster->status == CLUSTER_DELETING;
}

/** cluster_make_ids() - random resource id and volume id; 0 or -errno */
int cluster_make_ids(struct cluster *cluster)
{
	static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned char random[26 + 17];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	strcpy(cluster->resource_id, "cluster-");
	for (int i = 0; i < 26; i++)
		cluster->resource_id[8 + i] = base32[random[i] % 32];
	strcpy(cluster->volume_id, "vol-");
	for (int i = 0; i < 17; i++)
		cluster->volume_id[4 + i] = "0123456789abcdef"[random[26 + i] % 16];
	return 0;
}

/** cluster_free() - of one that is in no list; NULL is fine */
void cluster_free(struct cluster *cluster)
{
	if (!cluster)
		return;
	free(cluster->device);
	free(cluster->found);
	free(cluster->disk);
	free(cluster);
}

/** cluster_disk_path() - where the disk with the volume is, as far as is known */
const char *cluster_disk_path(const struct cluster *cluster)
{
	return cluster->found ? cluster->found : cluster->device;
}

/** cluster_from_header() - take over the fields of a verified or adopted header */
void cluster_from_header(struct cluster *cluster, const struct volume_header *header)
{
	snprintf(cluster->id, sizeof(cluster->id), "%s", header->cluster_id);
	snprintf(cluster->resource_id, sizeof(cluster->resource_id), "%s",
		 header->db_cluster_resource_id);
	snprintf(cluster->volume_id, sizeof(cluster->volume_id), "%s", header->volume_id);
	snprintf(cluster->key_arn, sizeof(cluster->key_arn), "%s", header->key_arn);
	snprintf(cluster->region, sizeof(cluster->region), "%s", header->region);
	snprintf(cluster->account, sizeof(cluster->account), "%s", header->account);
	snprintf(cluster->header_sha256, sizeof(cluster->header_sha256), "%s",
		 header->header_sha256);
	memcpy(cluster->wrapped_key, header->wrapped_key, header->wrapped_key_size);
	cluster->wrapped_key_size = header->wrapped_key_size;
}

/**
 * cluster_has_header() - is it the header that was written for the cluster, as the catalog knows it?
 *
 * The hash does not cover the wrapped key. What the catalog does not know yet is not compared.
 */
bool cluster_has_header(const struct cluster *cluster, const struct volume_header *header)
{
	bool other_hash = strcmp(header->header_sha256, cluster->header_sha256);
	bool other_key = header->wrapped_key_size != cluster->wrapped_key_size ||
			 memcmp(header->wrapped_key, cluster->wrapped_key,
				cluster->wrapped_key_size);

	return !(cluster->header_sha256[0] && other_hash) &&
	       !(cluster->wrapped_key_size && other_key);
}

/** cluster_key_description() - of its key in the kernel */
void cluster_key_description(const struct cluster *cluster, char description[64])
{
	snprintf(description, 64, KEY_DESCRIPTION_PREFIX "%s", cluster->volume_id);
}

/** cluster_device_name() - of its device, without /dev/mapper/ */
void cluster_device_name(const struct cluster *cluster, char name[128])
{
	snprintf(name, 128, "envelope-%s", cluster->id);
}
