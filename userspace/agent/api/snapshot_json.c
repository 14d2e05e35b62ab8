// SPDX-License-Identifier: MIT
/* Snapshots as the varlink interface shows them. */
#include "agent/api/snapshot_json.h"

#include "agent/rules/pool_rules.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"
#include "lib/base/text.h"

/** snapshot_to_json() - type Snapshot of the varlink interface; a new reference */
json_object *snapshot_to_json(const struct snapshot *s)
{
	_cleanup_text_ char *arn = text_format("arn:aws:rds:%s:%s:cluster-snapshot:%s", s->region,
					       s->account, s->name);
	json_object *o = json_object_new_object();
	char created[32], cluster_created[32];

	format_time(s->created, created);
	format_time(s->cluster_created, cluster_created);
	json_add_string(o, "DBClusterSnapshotIdentifier", s->name);
	json_add_string(o, "DBClusterSnapshotArn", arn ? arn : "");
	json_add_string(o, "DBClusterIdentifier", s->cluster_id);
	json_add_string(o, "DbClusterResourceId", s->resource_id);
	json_add_string(o, "SnapshotType", "manual");
	json_add_string(o, "Status", snapshot_status_name(s->status));
	json_add_int(o, "PercentProgress", s->status == SNAPSHOT_CREATING ? 0 : 100);
	json_add_int(o, "AllocatedStorage", (int64_t)(s->in_pool.bytes / POOL_GIB));
	json_add_bool(o, "StorageEncrypted", true);
	json_add_string(o, "KmsKeyId", s->key_arn);
	json_add_string(o, "SnapshotCreateTime", created);
	json_add_string(o, "ClusterCreateTime", cluster_created);
	json_add_string(o, "Pool", s->in_pool.pool);
	json_add_string(o, "SnapshotId", s->id);
	json_add_string(o, "VolumeId", s->volume_id);
	json_add_int(o, "WritesHeldMilliseconds", s->held_ms);
	return o;
}
