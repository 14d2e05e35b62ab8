// SPDX-License-Identifier: MIT
/*
 * What may be done with snapshots, with RDS's faults. Must stay pure.
 */
#include "agent/rules/snapshot_rules.h"

#include <string.h>

#include "lib/base/identifier.h"

static const char *const status_names[] = {
	[SNAPSHOT_CREATING] = "creating",
	[SNAPSHOT_AVAILABLE] = "available",
	[SNAPSHOT_DELETING] = "deleting",
};

/** snapshot_status_name() - RDS's word for a status */
const char *snapshot_status_name(enum snapshot_status status)
{
	return status_names[status];
}

/** snapshot_status_parse() - the status of RDS's word; false for another word */
bool snapshot_status_parse(const char *name, enum snapshot_status *ret)
{
	for (size_t i = 0; i < sizeof(status_names) / sizeof(*status_names); i++) {
		if (!strcmp(status_names[i], name)) {
			*ret = (enum snapshot_status)i;
			return true;
		}
	}
	return false;
}

/** rules_snapshot_name() - may a snapshot have this DB cluster snapshot identifier? */
int rules_snapshot_name(const char *name, struct fault *f)
{
	if (identifier_valid(name))
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "The parameter DBClusterSnapshotIdentifier is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive hyphens; and have at most %d characters.",
			 IDENTIFIER_MAX);
}

/** rules_snapshot_type() - is it one of RDS's types? */
int rules_snapshot_type(const char *type, struct fault *f)
{
	static const char *const types[] = { "automated", "manual", "shared", "public",
					     "awsbackup" };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i], type))
			return 0;
	return fault_set(f, "InvalidParameterValue",
			 "'%.60s' is no type of a snapshot. This host makes snapshots of the type manual.",
			 type);
}

/** rules_snapshot_quota() - may there be one more? @limit: SnapshotQuota= */
int rules_snapshot_quota(unsigned int count, unsigned int limit, struct fault *f)
{
	if (count < limit)
		return 0;
	return fault_set(f, "SnapshotQuotaExceededFault",
			 "This host has %u manual snapshots, and may have %u. Delete a snapshot, or set SnapshotQuota= in envelope.conf.",
			 count, limit);
}

/**
 * rules_snapshot() - may a snapshot of the cluster be made?
 *
 * Not of a cluster that has lost its key: by RDS's rules it can only be restored from what was made
 * before.
 */
int rules_snapshot(const struct cluster *cluster, struct fault *f)
{
	if (cluster->operation)
		return fault_set(f, "InvalidDBClusterStateFault",
				 "Another operation on the cluster %s is under way. Try again when it has ended.",
				 cluster->id);
	if (!cluster->in_pool.pool[0])
		return fault_set(f, "InvalidDBClusterStateFault",
				 "The cluster %s is on a device of its own, and snapshots need a pool. Copy its data into a cluster that is created with --pool.",
				 cluster->id);
	if (cluster_is_plain(cluster))
		return fault_set(f, "InvalidDBClusterStateFault",
				 "The cluster %s is not encrypted, and snapshots are made of encrypted clusters alone. Copy its data into a cluster that is created with --storage-encrypted: man envelope-copy.",
				 cluster->id);
	if (cluster_is_inaccessible(cluster))
		return fault_set(f, "InvalidDBClusterStateFault",
				 "DbCluster %s is in %s state but expected it to be one of available, stopped. A snapshot that was made before can be restored, once its key can be used.",
				 cluster->id, cluster_status_name(cluster->status));
	if (cluster->status == CLUSTER_AVAILABLE || cluster->status == CLUSTER_STOPPED)
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "DbCluster %s is in %s state but expected it to be one of available, stopped.",
			 cluster->id, cluster_status_name(cluster->status));
}

/* @busy: a step of it has not ended, whatever its status is */
static int check_available(const char *name, enum snapshot_status status, bool busy,
			   struct fault *f)
{
	if (status == SNAPSHOT_AVAILABLE && !busy)
		return 0;
	return fault_set(f, "InvalidDBClusterSnapshotStateFault",
			 "DBClusterSnapshot %s is in %s state but expected it to be in available state. Try again later.",
			 name, snapshot_status_name(status));
}

/** rules_snapshot_delete() - may the snapshot be deleted? @busy: LVM is at work on it */
int rules_snapshot_delete(const char *name, enum snapshot_status status, bool busy, struct fault *f)
{
	return check_available(name, status, busy, f);
}

/** rules_restore() - may a new cluster be made from the snapshot? Checks the request, not the key */
int rules_restore(const struct restore_request *request, struct fault *f)
{
	if (!identifier_valid(request->identifier))
		return fault_set(f, "InvalidParameterValue",
				 "The parameter DBClusterIdentifier is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive hyphens; and have at most %d characters.",
				 IDENTIFIER_MAX);
	if (check_available(request->snapshot, request->status, false, f) < 0)
		return -1;
	if (request->plain)
		return fault_set(f, "InvalidParameterCombination",
				 "The snapshot %s is encrypted, and an encrypted snapshot cannot be restored to a cluster without encryption. Leave --no-storage-encrypted out.",
				 request->snapshot);
	if (request->pool && strcmp(request->pool, request->snapshot_pool))
		return fault_set(f, "InvalidParameterCombination",
				 "The snapshot %s is in the pool %s, and is restored there: the new volume shares its blocks. Leave --pool out, and copy the data into a cluster in %.63s.",
				 request->snapshot, request->snapshot_pool, request->pool);
	return 0;
}

/**
 * rules_restore_key() - is the key that a restore names the key of the snapshot?
 * @key_arn: of the snapshot
 * @arn: that the KMS gave for the named key
 */
int rules_restore_key(const char *snapshot, const char *key_arn, const char *arn, struct fault *f)
{
	if (!strcmp(key_arn, arn))
		return 0;
	return fault_set(f, "InvalidParameterCombination",
			 "The snapshot %s is under the KMS key %s, and a restore keeps the key. A restore under the key %s would encrypt all data anew, which this version does not do. Leave --kms-key-id out, and copy the data into a cluster that is created with the other key.",
			 snapshot, key_arn, arn);
}
