// SPDX-License-Identifier: MIT
/*
 * envelope snapshot create | describe | delete | restore: snapshots of clusters in a pool.
 *
 * Must never judge a request: the agent knows the rules.
 */

#include <stdio.h>

#include "cli/agent_client.h"
#include "cli/explain.h"
#include "cli/one_cluster.h"
#include "cli/output.h"

#define OPTION_SNAPSHOT(needed, text)                                                  \
	{                                                                              \
		.name = "db-cluster-snapshot-identifier", .kind = OPTION_STRING,       \
		.placeholder = "SNAPSHOT", .parameter = "dbClusterSnapshotIdentifier", \
		.required = needed, .help = text                                       \
	}

static const struct option_spec create_options[] = {
	OPTION_SNAPSHOT(true, "name of the new snapshot, as that of a cluster"),
	OPTION_IDENTIFIER(true, "the cluster, which is in a pool"),
	{ 0 }
};

static const struct option_spec describe_options[] = {
	OPTION_SNAPSHOT(false, "only this snapshot (default: all)"),
	OPTION_IDENTIFIER(false,
			  "only snapshots of this cluster, which may be deleted (default: all)"),
	{ .name = "snapshot-type",
	  .kind = OPTION_STRING,
	  .placeholder = "TYPE",
	  .parameter = "snapshotType",
	  .help = "only snapshots of this type, such as manual (default: all)" },
	{ 0 }
};

static const struct option_spec delete_options[] = { OPTION_SNAPSHOT(true, "the snapshot"), { 0 } };

static const struct option_spec restore_options[] = {
	OPTION_IDENTIFIER(true, "name of the new cluster"),
	OPTION_SNAPSHOT(true, "the snapshot"),
	{ .name = "kms-key-id",
	  .kind = OPTION_STRING,
	  .placeholder = "KEY",
	  .parameter = "kmsKeyId",
	  .help = "id, ARN or alias of the KMS key, which is that of the snapshot (default: that one)" },
	{ .name = "storage-encrypted",
	  .kind = OPTION_BOOLEAN,
	  .parameter = "storageEncrypted",
	  .help = "encrypt the new cluster, which an encrypted snapshot demands (default: as the snapshot)" },
	{ .name = "pool",
	  .kind = OPTION_STRING,
	  .placeholder = "POOL",
	  .parameter = "pool",
	  .help = "pool of the new cluster, which is that of the snapshot (default: that one)" },
	{ .name = "deletion-protection",
	  .kind = OPTION_BOOLEAN,
	  .parameter = "deletionProtection",
	  .help = "refuse to delete the new cluster (default: do not refuse)" },
	{ .name = "profile",
	  .kind = OPTION_STRING,
	  .placeholder = "PROFILE",
	  .parameter = "profile",
	  .may_be_empty = true,
	  .help = "profile of the credentials for the KMS (default: that of the snapshot's cluster)" },
	{ .name = "kms-endpoint",
	  .kind = OPTION_STRING,
	  .placeholder = "URL",
	  .parameter = "kmsEndpoint",
	  .may_be_empty = true,
	  .help = "address of the KMS (default: that of the snapshot's cluster)" },
	{ 0 }
};

static const struct column snapshot_columns[] = { { "DBClusterSnapshotIdentifier",
						    "DBClusterSnapshotIdentifier" },
						  { "DBClusterIdentifier", "DBClusterIdentifier" },
						  { "Status", "Status" },
						  { "SnapshotType", "SnapshotType" },
						  { "GiB", "AllocatedStorage" },
						  { "SnapshotCreateTime", "SnapshotCreateTime" },
						  { 0 } };

static int run_describe(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *snapshots;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
	snapshots = json_get_array(reply, "snapshots");
	if (!snapshots) {
		fault_set(&f, "InternalFailure", "The agent's answer has no list of snapshots.");
		return explain_fault(invocation, &f);
	}
	if (invocation->json) {
		document = json_object_new_object();
		json_add_object(document, "DBClusterSnapshots", json_object_get(snapshots));
		output_json(document);
	} else if (json_has(invocation->params, "dbClusterSnapshotIdentifier") &&
		   json_object_array_length(snapshots) == 1) {
		output_record(json_object_array_get_idx(snapshots, 0));
	} else if (json_object_array_length(snapshots) == 0) {
		fprintf(stderr,
			"There are no such snapshots. See: envelope snapshot create --help\n");
	} else {
		output_table(snapshot_columns, snapshots);
	}
	return 0;
}

static int run_one(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *snapshot;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
	snapshot = json_get_object(reply, "snapshot");
	document = json_object_new_object();
	if (snapshot)
		json_add_object(document, "DBClusterSnapshot", json_object_get(snapshot));
	if (invocation->json)
		output_json(document);
	else if (snapshot)
		output_record(snapshot);
	return 0;
}

const struct command snapshot_commands[] = {
	{
		.noun = "snapshot",
		.verb = "create",
		.operation = "CreateDBClusterSnapshot",
		.method = "CreateSnapshot",
		.progress = "Creating the snapshot",
		.summary = "Make a snapshot of a cluster in a pool, also while it is in use",
		.details =
			"The file system on a running cluster is frozen and its writes are held meanwhile, for at most\n"
			"SnapshotHoldSeconds= of envelope.conf. A snapshot that LVM has not made by then is not kept.\n"
			"A snapshot keeps the key of its cluster, outlives it, and counts as a volume of its length\n"
			"in the pool.",
		.example =
			"  envelope snapshot create --db-cluster-snapshot-identifier before-upgrade \\\n"
			"      --db-cluster-identifier orders",
		.options = create_options,
		.run = run_one,
	},
	{
		.noun = "snapshot",
		.verb = "describe",
		.operation = "DescribeDBClusterSnapshots",
		.method = "DescribeSnapshots",
		.progress = "Reading the snapshots",
		.reads = true,
		.summary = "Show one snapshot or several",
		.details =
			"WritesHeldMilliseconds says for how long the writes of the cluster were held. It is 0 for a\n"
			"snapshot of a stopped cluster.",
		.example =
			"  envelope snapshot describe --db-cluster-identifier orders --output json",
		.options = describe_options,
		.run = run_describe,
	},
	{
		.noun = "snapshot",
		.verb = "delete",
		.operation = "DeleteDBClusterSnapshot",
		.method = "DeleteSnapshot",
		.progress = "Deleting the snapshot",
		.summary = "Remove a snapshot for good",
		.details =
			"Clusters that were restored from it stay. A logical volume whose uuid or tags are not those of\n"
			"the snapshot is never removed.",
		.example =
			"  envelope snapshot delete --db-cluster-snapshot-identifier before-upgrade",
		.options = delete_options,
		.run = run_one,
	},
	{
		.noun = "snapshot",
		.verb = "restore",
		.operation = "RestoreDBClusterFromSnapshot",
		.method = "RestoreSnapshot",
		.progress = "Restoring the snapshot",
		.summary = "Make a new cluster from a snapshot, and start it",
		.details =
			"This is RDS's restore-db-cluster-from-snapshot. The new cluster shares the blocks of the snapshot\n"
			"in its pool until it writes, so a restore does not take longer for a larger cluster. Its volume\n"
			"has an id and a header of its own. Its key is that of the snapshot: the KMS binds the wrapped\n"
			"key to the new header (ReEncrypt), for which the agent needs kms:ReEncryptFrom and\n"
			"kms:ReEncryptTo. Only root may give --profile and --kms-endpoint.",
		.example = "  envelope snapshot restore --db-cluster-identifier orders2 \\\n"
			   "      --db-cluster-snapshot-identifier before-upgrade",
		.options = restore_options,
		.run = one_cluster_run,
	},
	{ 0 }
};
