// SPDX-License-Identifier: MIT
/*
 * envelope cluster create | describe | start | stop | delete | modify, with the
 * nouns and options of `aws rds ...-db-cluster`.
 *
 * Must never judge a request: the agent knows the rules. modify exists so that a
 * change of key, and turning encryption off, are refused by name.
 */

#include <stdio.h>

#include "cli/agent_client.h"
#include "cli/explain.h"
#include "cli/output.h"

#define OPTION_IDENTIFIER(is_required, text)                                                   \
	{                                                                                      \
		.name = "db-cluster-identifier", .kind = OPTION_STRING, .placeholder = "NAME", \
		.parameter = "dbClusterIdentifier", .required = is_required, .help = text      \
	}
#define OPTION_ENCRYPTED(text)                                       \
	{                                                            \
		.name = "storage-encrypted", .kind = OPTION_BOOLEAN, \
		.parameter = "storageEncrypted", .help = text        \
	}
#define OPTION_KEY(text)                                                           \
	{                                                                          \
		.name = "kms-key-id", .kind = OPTION_STRING, .placeholder = "KEY", \
		.parameter = "kmsKeyId", .help = text                              \
	}

static const struct option_spec create_options[] = {
	OPTION_IDENTIFIER(true, "name of the new cluster"),
	{ .name = "device",
	  .kind = OPTION_STRING,
	  .placeholder = "DEVICE",
	  .parameter = "device",
	  .required = true,
	  .help = "block device for the volume, all of it" },
	OPTION_ENCRYPTED("encrypt the volume; the agent makes no plain ones, and this is for ever"),
	OPTION_KEY(
		"key id, key ARN, alias/NAME or alias ARN; its ARN is stored (default: alias/aws/rds)"),
	{ .name = "region",
	  .kind = OPTION_STRING,
	  .placeholder = "REGION",
	  .parameter = "region",
	  .help = "region of the cluster and its key (default: Region= of envelope.conf)" },
	{ .name = "allow-overwrite",
	  .kind = OPTION_SWITCH,
	  .parameter = "allowOverwrite",
	  .help = "take the device although there is something on it, which is lost" },
	{ 0 }
};

static const struct option_spec describe_options[] = {
	OPTION_IDENTIFIER(false, "only this cluster (default: all)"), { 0 }
};

static const struct option_spec start_options[] = { OPTION_IDENTIFIER(true, "the cluster"), { 0 } };

static const struct option_spec delete_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	{ .name = "skip-final-snapshot",
	  .kind = OPTION_BOOLEAN,
	  .parameter = "skipFinalSnapshot",
	  .help = "take no snapshot first; needed, as snapshots cannot be taken yet" },
	{ .name = "erase",
	  .kind = OPTION_BOOLEAN,
	  .parameter = "erase",
	  .help = "erase the volume's header too, with the wrapped key: its data are gone for good" },
	{ 0 }
};

static const struct option_spec modify_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	OPTION_KEY("refused: the key of a cluster never changes"),
	OPTION_ENCRYPTED("refused: encryption is decided when the cluster is created"),
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

/* One cluster came back: the answer of AWS has it as "DBCluster". */
static int run_one(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *cluster;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation->command, &f);
	cluster = json_get_object(reply, "cluster");
	document = json_object_new_object();
	if (cluster)
		json_add_object(document, "DBCluster", json_object_get(cluster));
	if (invocation->json)
		output_json(document);
	else if (cluster)
		output_record(cluster);
	return 0;
}

static int run_describe(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *clusters;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation->command, &f);
	clusters = json_get_array(reply, "clusters");
	if (!clusters) {
		fault_set(&f, "InternalFailure", "The agent's answer has no list of clusters.");
		return explain_fault(invocation->command, &f);
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
			"This host has no clusters yet; see: envelope cluster create --help\n");
	} else {
		output_table(cluster_columns, clusters);
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
		.summary = "Make a cluster volume on a block device, and start it",
		.details =
			"The volume gets a data key of its own, wrapped by the KMS key and kept in the\n"
			"volume's header. Neither encryption nor the key can be changed afterwards. The\n"
			"started volume is the device MapperDevice of the answer.\n"
			"\n"
			"Example:\n"
			"  envelope cluster create --db-cluster-identifier db1 --device /dev/vdb \\\n"
			"      --storage-encrypted --kms-key-id alias/databases",
		.options = create_options,
		.run = run_one,
	},
	{
		.noun = "cluster",
		.verb = "describe",
		.operation = "DescribeDBClusters",
		.method = "DescribeClusters",
		.summary = "Show one cluster or all clusters of this host",
		.details = "Status is one of creating, available, stopped,\n"
			   "inaccessible-encryption-credentials-recoverable,\n"
			   "inaccessible-encryption-credentials (terminal) and deleting.",
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
			"A cluster whose key was lost (status inaccessible-encryption-credentials) is not\n"
			"started any more: restore it from a backup.",
		.options = start_options,
		.run = run_one,
	},
	{
		.noun = "cluster",
		.verb = "stop",
		.operation = "StopDBCluster",
		.method = "StopCluster",
		.progress = "Stopping the cluster",
		.summary = "Remove the device and the key from this host",
		.details = "Stop the database and unmount the file system first.",
		.options = start_options,
		.run = run_one,
	},
	{
		.noun = "cluster",
		.verb = "delete",
		.operation = "DeleteDBCluster",
		.method = "DeleteCluster",
		.progress = "Deleting the cluster",
		.summary = "Stop and forget a cluster; with --erase nobody reads its volume again",
		.options = delete_options,
		.run = run_one,
	},
	{
		.noun = "cluster",
		.verb = "modify",
		.operation = "ModifyDBCluster",
		.method = "ModifyCluster",
		.progress = "Modifying the cluster",
		.summary = "Say why a cluster's key and encryption cannot be changed",
		.details =
			"A cluster keeps the key it was created with. To get its data under another key,\n"
			"create a second cluster and copy them.",
		.options = modify_options,
		.run = run_one,
	},
	{ 0 }
};
