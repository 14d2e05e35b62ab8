// SPDX-License-Identifier: MIT
/* Clusters and volumes as the varlink interface shows them. */
#include "agent/api/cluster_json.h"

#include <stdio.h>

#include "agent/lease/lease.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"
#include "lib/base/text.h"

static void add_mapper_device(json_object *o, const struct cluster *cluster)
{
	_cleanup_text_ char *path = NULL;

	/* What a start found is of no interest without the device. */
	if (cluster->warning[0] &&
	    (cluster->mapping.name[0] || cluster->status == CLUSTER_DELETING))
		json_add_string(o, "Warning", cluster->warning);
	if (!cluster->mapping.name[0])
		return;
	path = text_format("/dev/mapper/%s", cluster->mapping.name);
	if (path)
		json_add_string(o, "MapperDevice", path);
	json_add_bool(o, "ReadOnly", cluster->mapping.read_only);
}

/* What is the configuration's is not shown. */
static void add_reach(json_object *o, const struct cluster *cluster)
{
	if (cluster->reach.profile[0])
		json_add_string(o, "Profile", cluster->reach.profile);
	if (cluster->reach.endpoint[0])
		json_add_string(o, "KmsEndpoint", cluster->reach.endpoint);
}

static void add_lease_left(json_object *o, const struct cluster *cluster)
{
	if (cluster->key)
		json_add_int(o, "LeaseSecondsLeft",
			     lease_seconds_left(cluster->deadline_ns, lease_now()));
}

/* An operation that a device holds up explains more than the last change of the status. */
static const char *reason(const struct cluster *cluster)
{
	return cluster->held_up[0] ? cluster->held_up : cluster->reason;
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
	json_add_string(o, "StatusReason", reason(cluster));
	json_add_bool(o, "StorageEncrypted", !cluster_is_plain(cluster));
	json_add_bool(o, "DeletionProtection", cluster->deletion_protection);
	if (!cluster_is_plain(cluster))
		json_add_string(o, "KmsKeyId", cluster_key(cluster));
	add_reach(o, cluster);
	json_add_string(o, "Region", cluster->region);
	json_add_string(o, "AccountId", cluster->account);
	json_add_string(o, "Device", cluster->device);
	if (cluster->in_pool.pool[0]) {
		json_add_string(o, "Pool", cluster->in_pool.pool);
		json_add_int(o, "AllocatedStorage", (int64_t)(cluster->in_pool.bytes / POOL_GIB));
	}
	json_add_bool(o, "DiskPresent", !cluster->absent);
	json_add_bool(o, "AllowDiscards", cluster->allow_discards);
	add_mapper_device(o, cluster);
	json_add_bool(o, "DiskReserved", cluster->reservation.held);
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

/**
 * cluster_volume_to_json() - type Volume of the varlink interface; a new reference
 * @lease_seconds: configured length of a lease
 */
json_object *cluster_volume_to_json(const struct cluster *cluster, unsigned int lease_seconds)
{
	const struct mapping *mapping = &cluster->mapping;
	json_object *o = json_object_new_object();
	char description[64], renewed[32];

	cluster_key_description(cluster, description);
	json_add_string(o, "DBClusterIdentifier", cluster->id);
	json_add_string(o, "VolumeId", cluster->volume_id);
	json_add_string(o, "Status", cluster_status_name(cluster->status));
	json_add_string(o, "StatusReason", reason(cluster));
	json_add_string(o, "Device", cluster->device);
	add_mapper_device(o, cluster);
	json_add_bool(o, "DiskReserved", cluster->reservation.held);
	json_add_string(o, "DeviceState",
			!mapping->name[0] ? "none"
			: mapping->live	  ? "live"
					  : "failed");
	json_add_string(o, "DeviceReason", mapping->reason);
	json_add_bool(o, "DiskPresent", !cluster->absent);
	if (cluster_is_plain(cluster)) {
		if (mapping->name[0])
			json_add_int(o, "OpenCount", mapping->open_count);
		if (mapping->name[0] && mapping->growable)
			json_add_int(o, "GrowableBytes", (int64_t)mapping->growable);
		return o;
	}
	add_reach(o, cluster);
	json_add_string(o, "KeyDescription", description);
	if (cluster->key)
		json_add_int(o, "KeySerial", cluster->key);
	json_add_int(o, "LeaseSeconds", lease_seconds);
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
	if (mapping->name[0] && mapping->growable)
		json_add_int(o, "GrowableBytes", (int64_t)mapping->growable);
	return o;
}
