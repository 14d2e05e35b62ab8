// SPDX-License-Identifier: MIT
/*
 * Clusters in memory: names, the agent's list, and their JSON for clients. Decides
 * nothing; a status changes in state.c only.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/agent.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"
#include "agent/lease/lease.h"

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

/** cluster_status_parse() - the status of AWS's word; false when there is none */
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

/** cluster_is_inaccessible() - the KMS has refused its key */
bool cluster_is_inaccessible(const struct cluster *cluster)
{
	return cluster->status == CLUSTER_INACCESSIBLE || cluster->status == CLUSTER_RECOVERABLE;
}

/** cluster_is_in_between() - it is not there yet, or not for long */
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

/**
 * cluster_from_header() - take over what a verified or adopted header says
 * @device: where it was read
 */
void cluster_from_header(struct cluster *cluster, const struct volume_header *header,
			 const char *device)
{
	snprintf(cluster->id, sizeof(cluster->id), "%s", header->cluster_id);
	snprintf(cluster->resource_id, sizeof(cluster->resource_id), "%s",
		 header->db_cluster_resource_id);
	snprintf(cluster->volume_id, sizeof(cluster->volume_id), "%s", header->volume_id);
	snprintf(cluster->device, sizeof(cluster->device), "%s", device);
	snprintf(cluster->key_arn, sizeof(cluster->key_arn), "%s", header->key_arn);
	snprintf(cluster->region, sizeof(cluster->region), "%s", header->region);
	snprintf(cluster->account, sizeof(cluster->account), "%s", header->account);
	snprintf(cluster->header_sha256, sizeof(cluster->header_sha256), "%s",
		 header->header_sha256);
	memcpy(cluster->wrapped_key, header->wrapped_key, header->wrapped_key_size);
	cluster->wrapped_key_size = header->wrapped_key_size;
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

/** cluster_find() - by identifier in any case; borrowed, or NULL */
struct cluster *cluster_find(struct agent *agent, const char *id)
{
	struct cluster *c;

	for (c = agent->clusters; c && strcasecmp(c->id, id); c = c->next)
		;
	return c;
}

/** cluster_find_volume() - by volume id; borrowed, or NULL */
struct cluster *cluster_find_volume(struct agent *agent, const char *volume_id)
{
	struct cluster *c;

	for (c = agent->clusters; c && strcmp(c->volume_id, volume_id); c = c->next)
		;
	return c;
}

/** cluster_add() - put it at the list's end; the list owns it from now on */
void cluster_add(struct agent *agent, struct cluster *cluster)
{
	struct cluster **end = &agent->clusters;

	while (*end)
		end = &(*end)->next;
	cluster->agent = agent;
	*end = cluster;
}

/** cluster_remove() - take it out of the list and free it; nothing may be at work on it */
void cluster_remove(struct cluster *cluster)
{
	struct cluster **link = &cluster->agent->clusters;

	while (*link != cluster)
		link = &(*link)->next;
	*link = cluster->next;
	sd_event_source_disable_unref(cluster->renewal.timer);
	sd_event_source_disable_unref(cluster->window_timer);
	sd_event_source_disable_unref(cluster->store_timer);
	free(cluster);
}

static void add_mapper_device(json_object *o, const struct cluster *cluster)
{
	char path[160];

	if (!cluster->mapping.name[0])
		return;
	snprintf(path, sizeof(path), "/dev/mapper/%s", cluster->mapping.name);
	json_add_string(o, "MapperDevice", path);
}

static void add_lease_left(json_object *o, const struct cluster *cluster)
{
	if (cluster->key)
		json_add_int(o, "LeaseSecondsLeft",
			     lease_seconds_left(cluster->deadline_ns, lease_now()));
}

/** cluster_to_json() - type Cluster of the varlink interface; a new reference */
json_object *cluster_to_json(const struct cluster *cluster)
{
	json_object *o = json_object_new_object();
	char created[32];

	format_time(cluster->created, created);
	json_add_string(o, "DBClusterIdentifier", cluster->id);
	json_add_string(o, "DbClusterResourceId", cluster->resource_id);
	json_add_string(o, "Status", cluster_status_name(cluster->status));
	json_add_string(o, "StatusReason", cluster->reason);
	json_add_bool(o, "StorageEncrypted", true);
	json_add_string(o, "KmsKeyId", cluster->key_arn);
	json_add_string(o, "Region", cluster->region);
	json_add_string(o, "AccountId", cluster->account);
	json_add_string(o, "Device", cluster->device);
	add_mapper_device(o, cluster);
	json_add_string(o, "VolumeId", cluster->volume_id);
	json_add_string(o, "ClusterCreateTime", created);
	add_lease_left(o, cluster);
	return o;
}

static void add_counters(json_object *o, const struct mapping *mapping)
{
	json_add_int(o, "OpenCount", mapping->open_count);
	json_add_string(o, "CryptoDriver", mapping->driver);
	json_add_int(o, "Reads", (int64_t)mapping->reads);
	json_add_int(o, "Writes", (int64_t)mapping->writes);
	json_add_int(o, "Discards", (int64_t)mapping->discards);
	json_add_int(o, "Flushes", (int64_t)mapping->flushes);
	json_add_int(o, "Errors", (int64_t)mapping->errors);
	json_add_int(o, "Refused", (int64_t)mapping->refused);
}

/** cluster_volume_to_json() - type Volume of the varlink interface; a new reference */
json_object *cluster_volume_to_json(const struct cluster *cluster)
{
	const struct mapping *mapping = &cluster->mapping;
	json_object *o = json_object_new_object();
	char description[64], renewed[32];

	cluster_key_description(cluster, description);
	json_add_string(o, "DBClusterIdentifier", cluster->id);
	json_add_string(o, "VolumeId", cluster->volume_id);
	json_add_string(o, "Status", cluster_status_name(cluster->status));
	json_add_string(o, "StatusReason", cluster->reason);
	add_mapper_device(o, cluster);
	json_add_string(o, "DeviceState",
			!mapping->name[0] ? "none"
			: mapping->live	  ? "live"
					  : "failed");
	json_add_string(o, "DeviceReason", mapping->reason);
	json_add_string(o, "KeyDescription", description);
	if (cluster->key)
		json_add_int(o, "KeySerial", cluster->key);
	json_add_int(o, "LeaseSeconds", cluster->agent->config.lease_seconds);
	add_lease_left(o, cluster);
	if (cluster->key && cluster->renewal.next_ns)
		json_add_int(o, "NextRenewalSeconds",
			     lease_seconds_left(cluster->renewal.next_ns, lease_now()));
	if (cluster->renewal.last_success) {
		format_time(cluster->renewal.last_success, renewed);
		json_add_string(o, "LastRenewal", renewed);
	}
	json_add_string(o, "LastError", cluster->renewal.last_error);
	if (mapping->name[0])
		add_counters(o, mapping);
	return o;
}
