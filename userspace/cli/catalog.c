// SPDX-License-Identifier: MIT
/*
 * envelope catalog rebuild: what the disks have and the catalog does not know.
 *
 * Must never judge a request: the agent knows the rules.
 */

#include <stdio.h>

#include "cli/agent_client.h"
#include "cli/explain.h"
#include "cli/output.h"

static const struct option_spec rebuild_options[] = {
	{ .name = "dry-run",
	  .kind = OPTION_SWITCH,
	  .parameter = "dryRun",
	  .help = "say what would be done, and do nothing (default: no)" },
	{ 0 }
};

static const struct column pool_columns[] = {
	{ "Pool", "Name" }, { "VolumeGroup", "VolumeGroup" }, { "Action", "Action" }, { 0 }
};
static const struct column cluster_columns[] = { { "DBClusterIdentifier", "DBClusterIdentifier" },
						 { "Encrypted", "StorageEncrypted" },
						 { "Device", "Device" },
						 { "Pool", "Pool" },
						 { "Action", "Action" },
						 { 0 } };

static void show_details(struct json_object *rows, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		const char *detail = json_get_string(row, "Detail");

		if (detail && *detail)
			printf("%s: %s\n", json_get_string(row, name), detail);
	}
}

static void show(struct json_object *pools, struct json_object *clusters, struct json_object *lost)
{
	if (json_object_array_length(pools))
		output_table(pool_columns, pools);
	if (json_object_array_length(clusters))
		output_table(cluster_columns, clusters);
	show_details(pools, "Name");
	show_details(clusters, "DBClusterIdentifier");
	printf("No disk has, so a rebuild does not bring back:\n");
	for (size_t i = 0; i < json_object_array_length(lost); i++)
		printf("  %s\n", json_object_get_string(json_object_array_get_idx(lost, i)));
}

static int run_rebuild(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *pools, *clusters, *lost;
	const char *problem;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
	pools = json_get_array(reply, "pools");
	clusters = json_get_array(reply, "clusters");
	lost = json_get_array(reply, "notRebuilt");
	problem = json_get_string(reply, "problem");
	if (!pools || !clusters || !lost) {
		fault_set(&f, "InternalFailure", "The agent's answer has no list of clusters.");
		return explain_fault(invocation, &f);
	}
	if (invocation->json) {
		document = json_object_new_object();
		json_add_object(document, "Pools", json_object_get(pools));
		json_add_object(document, "DBClusters", json_object_get(clusters));
		json_add_object(document, "NotRebuilt", json_object_get(lost));
		if (problem)
			json_add_string(document, "Problem", problem);
		output_json(document);
	} else {
		show(pools, clusters, lost);
	}
	if (problem)
		fprintf(stderr, "LVM was not asked, so no pool is among them: %s\n", problem);
	return 0;
}

const struct command catalog_commands[] = {
	{
		.noun = "catalog",
		.verb = "rebuild",
		.operation = "RebuildCatalog",
		.method = "RebuildCatalog",
		.progress = "Looking at the disks",
		.summary = "Take in pools and clusters that are on the disks and not in the catalog",
		.details =
			"For a catalog that was lost, or put back from an older backup. Pools and the places of clusters\n"
			"in them come from LVM's tags, clusters from the headers of their volumes. Nothing is removed from\n"
			"the catalog, and nothing is written to a disk. Clusters may be running. Action is take-in, place\n"
			"(a cluster gets its pool), known, conflict, missing or deleted. The last three are left to you.\n"
			"Look at Encrypted: nobody has proved the header of a plain volume.",
		.example = "  envelope catalog rebuild --dry-run",
		.options = rebuild_options,
		.run = run_rebuild,
	},
	{ 0 }
};
