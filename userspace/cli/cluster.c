// SPDX-License-Identifier: MIT
/*
 * envelope cluster create | describe | start | stop | delete | confirm-loss | modify | adopt |
 * relocate, with the nouns and options of `aws rds ...-db-cluster`.
 *
 * Must never judge a request: the agent knows the rules. modify has options for a change of key,
 * and for turning encryption off, so that they are refused by name.
 */

#include <stdio.h>

#include "cli/agent_client.h"
#include "cli/disk_note.h"
#include "cli/explain.h"
#include "cli/one_cluster.h"
#include "cli/output.h"

#define OPTION_ENCRYPTED(text)                                       \
	{                                                            \
		.name = "storage-encrypted", .kind = OPTION_BOOLEAN, \
		.parameter = "storageEncrypted", .help = text        \
	}
#define OPTION_PROTECTION(text)                                        \
	{                                                              \
		.name = "deletion-protection", .kind = OPTION_BOOLEAN, \
		.parameter = "deletionProtection", .help = text        \
	}
#define OPTION_KEY(text)                                                           \
	{                                                                          \
		.name = "kms-key-id", .kind = OPTION_STRING, .placeholder = "KEY", \
		.parameter = "kmsKeyId", .help = text                              \
	}

#define OPTION_DISCARDS(text)                                                                   \
	{                                                                                       \
		.name = "allow-discards", .kind = OPTION_BOOLEAN, .parameter = "allowDiscards", \
		.help = text                                                                    \
	}

#define OPTION_PROFILE(text)                                                        \
	{                                                                           \
		.name = "profile", .kind = OPTION_STRING, .placeholder = "PROFILE", \
		.parameter = "profile", .may_be_empty = true, .help = text          \
	}
#define OPTION_ENDPOINT(text)                                                        \
	{                                                                            \
		.name = "kms-endpoint", .kind = OPTION_STRING, .placeholder = "URL", \
		.parameter = "kmsEndpoint", .may_be_empty = true, .help = text       \
	}
#define HELP_PROFILE "the cluster's own profile of the credentials file (default: Profile=)"
#define HELP_ENDPOINT \
	"the cluster's own KMS, https://HOST[:PORT] or unix:/PATH (default: KmsEndpoint=)"
#define OPTIONS_REACH OPTION_PROFILE(HELP_PROFILE), OPTION_ENDPOINT(HELP_ENDPOINT)

static const struct option_spec create_options[] = {
	OPTION_IDENTIFIER(true,
			  "name of the new cluster: 1 to 63 letters, digits and single hyphens"),
	{ .name = "device",
	  .kind = OPTION_STRING,
	  .placeholder = "DEVICE",
	  .parameter = "device",
	  .help = "whole path of the block device for the volume, which takes all of it (default: none, see --pool)" },
	{ .name = "pool",
	  .kind = OPTION_STRING,
	  .placeholder = "POOL",
	  .parameter = "pool",
	  .help = "pool in which the volume is made, with --allocated-storage (default: none, see --device)" },
	{ .name = "allocated-storage",
	  .kind = OPTION_INTEGER,
	  .placeholder = "GIB",
	  .parameter = "allocatedStorage",
	  .help = "GiB of the volume in the pool (default: none, needed with --pool)" },
	OPTION_ENCRYPTED(
		"encrypt the volume, or make a plain one that no key protects; never changed later (default: none, needed)"),
	OPTION_KEY(
		"key id, key ARN, alias/NAME or alias ARN of an encrypted cluster; its ARN is stored (default: alias/aws/rds)"),
	{ .name = "region",
	  .kind = OPTION_STRING,
	  .placeholder = "REGION",
	  .parameter = "region",
	  .help = "region of the cluster and its key (default: Region= of envelope.conf)" },
	{ .name = "sector-size",
	  .kind = OPTION_INTEGER,
	  .placeholder = "BYTES",
	  .parameter = "sectorSize",
	  .help = "bytes that are encrypted as one unit, 4096 or 512 (default: 4096)" },
	OPTION_DISCARDS(
		"pass discards to the disk, which shows its readers the unused blocks (default: no)"),
	{ .name = "allow-overwrite",
	  .kind = OPTION_SWITCH,
	  .parameter = "allowOverwrite",
	  .help = "use the device although it holds data; the data are destroyed (default: no)" },
	OPTION_PROTECTION(
		"refuse to delete the cluster until the protection is disabled (default: no)"),
	OPTIONS_REACH,
	{ 0 }
};

static const struct option_spec describe_options[] = {
	OPTION_IDENTIFIER(false, "only this cluster (default: all)"), { 0 }
};

#define HELP_TAKE_OVER \
	"take the volume from another host, which has stopped it or is gone (default: no)"
#define OPTION_TAKE_OVER                                                             \
	{                                                                            \
		.name = "take-over", .kind = OPTION_SWITCH, .parameter = "takeOver", \
		.help = HELP_TAKE_OVER                                               \
	}

static const struct option_spec start_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	OPTION_TAKE_OVER,
	{ .name = "at-boot",
	  .kind = OPTION_SWITCH,
	  .parameter = "atBoot",
	  .help = "for the boot unit: a cluster that runs is no fault; starts it again after a lease that ended without an answer (default: no)" },
	{ .name = "read-only",
	  .kind = OPTION_SWITCH,
	  .parameter = "readOnly",
	  .help = "make a device that cannot be written to (default: no, unless the disk is write-protected)" },
	{ 0 }
};

static const struct option_spec stop_options[] = { OPTION_IDENTIFIER(true, "the cluster"), { 0 } };

static const struct option_spec confirm_loss_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	{ .name = "reason",
	  .kind = OPTION_STRING,
	  .placeholder = "TEXT",
	  .parameter = "reason",
	  .help = "why, one line of at most 200 bytes, which is kept and shown (default: none)" },
	{ 0 }
};

static const struct option_spec adopt_options[] = {
	{ .name = "device",
	  .kind = OPTION_STRING,
	  .placeholder = "DEVICE",
	  .parameter = "device",
	  .required = true,
	  .help = "whole path of the block device that holds the volume" },
	OPTION_TAKE_OVER,
	OPTIONS_REACH,
	{ 0 }
};

static const struct option_spec delete_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	{ .name = "skip-final-snapshot",
	  .kind = OPTION_BOOLEAN,
	  .parameter = "skipFinalSnapshot",
	  .help = "take no snapshot first; required, since snapshots are not supported yet" },
	{ .name = "erase",
	  .kind = OPTION_BOOLEAN,
	  .parameter = "erase",
	  .help = "also erase the volume's header with the wrapped key; the data are lost for good (default: no)" },
	OPTION_TAKE_OVER,
	{ 0 }
};

static const struct option_spec relocate_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	{ .name = "device",
	  .kind = OPTION_STRING,
	  .placeholder = "DEVICE",
	  .parameter = "device",
	  .required = true,
	  .help = "whole path of the block device that holds the cluster's volume" },
	{ 0 }
};

static const struct option_spec modify_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	OPTION_PROTECTION("refuse to delete the cluster, or allow it again (default: unchanged)"),
	OPTION_DISCARDS("pass discards to the disk, or not (default: unchanged)"),
	{ .name = "grow",
	  .kind = OPTION_SWITCH,
	  .parameter = "grow",
	  .help = "take all of a disk that has grown, while the device is in use (default: unchanged)" },
	{ .name = "allocated-storage",
	  .kind = OPTION_INTEGER,
	  .placeholder = "GIB",
	  .parameter = "allocatedStorage",
	  .help = "GiB of a volume in a pool, which grows while it is in use (default: unchanged)" },
	OPTION_PROFILE(
		"the cluster's own profile of the credentials file; '' for Profile= (default: unchanged)"),
	OPTION_ENDPOINT(
		"address of the cluster's own KMS; '' for KmsEndpoint= (default: unchanged)"),
	OPTION_KEY("refused: the key of a cluster never changes"),
	OPTION_ENCRYPTED("refused: encryption is chosen when the cluster is created"),
	{ .name = "region",
	  .kind = OPTION_STRING,
	  .placeholder = "REGION",
	  .parameter = "region",
	  .help = "refused: a cluster stays in its region" },
	{ .name = "device",
	  .kind = OPTION_STRING,
	  .placeholder = "DEVICE",
	  .parameter = "device",
	  .help = "refused: a cluster keeps its volume" },
	{ 0 }
};

static const struct column cluster_columns[] = { { "DBClusterIdentifier", "DBClusterIdentifier" },
						 { "Status", "Status" },
						 { "Encrypted", "StorageEncrypted" },
						 { "Device", "Device" },
						 { "MapperDevice", "MapperDevice" },
						 { "KmsKeyId", "KmsKeyId" },
						 { 0 } };

static int run_describe(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *clusters;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
	clusters = json_get_array(reply, "clusters");
	if (!clusters) {
		fault_set(&f, "InternalFailure", "The agent's answer has no list of clusters.");
		return explain_fault(invocation, &f);
	}
	if (invocation->json) {
		document = json_object_new_object();
		json_add_object(document, "DBClusters", json_object_get(clusters));
		output_json(document);
	} else if (json_has(invocation->params, "dbClusterIdentifier") &&
		   json_object_array_length(clusters) == 1) {
		output_record(json_object_array_get_idx(clusters, 0));
	} else if (json_object_array_length(clusters) == 0) {
		fprintf(stderr,
			"This host has no clusters yet. See: envelope cluster create --help\n");
	} else {
		output_table(cluster_columns, clusters);
		for (size_t i = 0; i < json_object_array_length(clusters); i++)
			disk_note_show(json_object_array_get_idx(clusters, i));
	}
	return 0;
}

const struct command cluster_commands[] = {
	{
		.noun = "cluster",
		.verb = "create",
		.operation = "CreateDBCluster",
		.method = "CreateCluster",
		.progress = "Creating the cluster",
		.summary = "Make a cluster volume on a block device or in a pool, and start it",
		.details =
			"The volume gets its own data key. The KMS key wraps the data key, and the volume's\n"
			"header holds the wrapped key. Encryption and the KMS key cannot be changed later.\n"
			"MapperDevice in the answer is the device of the started volume: make a file system on it.\n"
			"Only root may give --profile and --kms-endpoint. The volume is on --device, or in the --pool.",
		.example =
			"  envelope cluster create --db-cluster-identifier db1 --device /dev/vdb \\\n"
			"      --storage-encrypted --kms-key-id alias/databases",
		.options = create_options,
		.run = one_cluster_run,
	},
	{
		.noun = "cluster",
		.verb = "describe",
		.operation = "DescribeDBClusters",
		.method = "DescribeClusters",
		.progress = "Reading the clusters",
		.reads = true,
		.summary = "Show one cluster or all clusters of this host",
		.details =
			"Status is one of creating, available, stopped,\n"
			"inaccessible-encryption-credentials-recoverable,\n"
			"inaccessible-encryption-credentials (terminal) and deleting. StatusReason says why.\n"
			"FoundDevice is where the disk is now, if Device no longer leads to it.\n"
			"DiskReservedReason says why this host has not reserved the disk.",
		.example = "  envelope cluster describe --db-cluster-identifier db1 --output json",
		.options = describe_options,
		.run = run_describe,
	},
	{
		.noun = "cluster",
		.verb = "start",
		.operation = "StartDBCluster",
		.method = "StartCluster",
		.progress = "Starting the cluster",
		.summary = "Decrypt the volume's key with the KMS and map the device",
		.details =
			"A cluster that has lost its key (status inaccessible-encryption-credentials) cannot\n"
			"be started again. Restore it from a backup. MapperDevice in the answer is the device. To start\n"
			"a cluster at boot: systemctl enable envelope-cluster@NAME",
		.example = "  envelope cluster start --db-cluster-identifier db1",
		.options = start_options,
		.run = one_cluster_run,
	},
	{
		.noun = "cluster",
		.verb = "stop",
		.operation = "StopDBCluster",
		.method = "StopCluster",
		.progress = "Stopping the cluster",
		.summary = "Remove the device and the key from this host",
		.details =
			"Stop the database and unmount the file system first: a device in use is not removed.\n"
			"The agent does not start the cluster again by itself.",
		.example = "  envelope cluster stop --db-cluster-identifier db1",
		.options = stop_options,
		.run = one_cluster_run,
	},
	{
		.noun = "cluster",
		.verb = "delete",
		.operation = "DeleteDBCluster",
		.method = "DeleteCluster",
		.progress = "Deleting the cluster",
		.summary = "Stop and forget a cluster; with --erase its data are lost for good",
		.details =
			"Without --erase the header on the disk is marked as deleted, and still has the wrapped key.\n"
			"The volume of a cluster in a pool is removed from the pool in both cases.\n"
			"--take-over is for --erase. A cluster with deletion protection is not deleted. To end the protection:\n"
			"envelope cluster modify --db-cluster-identifier NAME --no-deletion-protection",
		.example =
			"  envelope cluster delete --db-cluster-identifier db1 --skip-final-snapshot",
		.options = delete_options,
		.run = one_cluster_run,
	},
	{
		.noun = "cluster",
		.verb = "confirm-loss",
		.operation = "ConfirmKeyLoss",
		.method = "ConfirmLoss",
		.progress = "Confirming the loss",
		.summary = "Confirm that a recoverable cluster is lost for good",
		.details =
			"If the KMS refuses many keys at once, the clusters stay recoverable until the KMS gives\n"
			"the keys again. This makes one of them inaccessible permanently. There is no way back.",
		.example =
			"  envelope cluster confirm-loss --db-cluster-identifier db1 --reason 'ticket 4711'",
		.options = confirm_loss_options,
		.run = one_cluster_run,
	},
	{
		.noun = "cluster",
		.verb = "modify",
		.operation = "ModifyDBCluster",
		.method = "ModifyCluster",
		.progress = "Modifying the cluster",
		.summary = "Change a cluster's settings, or explain why its key cannot be changed",
		.details =
			"A running cluster gets the new setting at once, while it is in use.\n"
			"\n"
			"A cluster keeps the key it was created with. To encrypt its data with another key,\n"
			"create a second cluster and copy the data. Only root may give --profile and\n"
			"--kms-endpoint.",
		.example =
			"  envelope cluster modify --db-cluster-identifier db1 --deletion-protection",
		.options = modify_options,
		.run = one_cluster_run,
	},
	{
		.noun = "cluster",
		.verb = "adopt",
		.operation = "AdoptDBCluster",
		.method = "AdoptCluster",
		.progress = "Adopting the cluster",
		.summary = "Take in the volume of a disk that came to this host",
		.details =
			"The agent takes in such volumes when it starts, unless they belong to another host. The\n"
			"cluster is stopped afterwards. Nothing is written to the disk. Its first start needs\n"
			"--take-over, too, if the volume belongs to another host.",
		.example = "  envelope cluster adopt --device /dev/vdb",
		.options = adopt_options,
		.run = one_cluster_run,
	},
	{
		.noun = "cluster",
		.verb = "relocate",
		.operation = "RelocateDBCluster",
		.method = "RelocateCluster",
		.progress = "Relocating the cluster",
		.summary = "Set the device on which a stopped cluster's volume is",
		.details =
			"A start refuses a device that is not provably the disk that the volume was on: it may\n"
			"be a copy with old data. This command says that the device is the volume. Nothing\n"
			"is copied, and the next start checks the header and the key.",
		.example = "  envelope cluster relocate --db-cluster-identifier db1 \\\n"
			   "      --device /dev/disk/by-id/scsi-0123",
		.options = relocate_options,
		.run = one_cluster_run,
	},
	{ 0 }
};
