// SPDX-License-Identifier: MIT
/*
 * envelope pool create | describe | delete: LVM thin pools for the volumes of clusters.
 *
 * Must never judge a request: the agent knows the rules.
 */

#include <stdio.h>

#include "cli/agent_client.h"
#include "cli/explain.h"
#include "cli/output.h"

#define OPTION_NAME(needed, text)                                                                  \
	{                                                                                          \
		.name = "name", .kind = OPTION_STRING, .placeholder = "POOL", .parameter = "name", \
		.required = needed, .help = text                                                   \
	}

static const struct option_spec create_options[] = {
	OPTION_NAME(true, "name of the new pool: 1 to 63 lower-case letters, digits and hyphens"),
	{ .name = "volume-group",
	  .kind = OPTION_STRING,
	  .placeholder = "GROUP",
	  .parameter = "volumeGroup",
	  .required = true,
	  .help = "LVM's volume group in which the pool is made" },
	{ .name = "size",
	  .kind = OPTION_INTEGER,
	  .placeholder = "GIB",
	  .parameter = "size",
	  .help = "GiB for data (default: nine tenths of what is free in the group)" },
	{ 0 }
};

static const struct option_spec describe_options[] = {
	OPTION_NAME(false, "only this pool (default: all)"), { 0 }
};

static const struct option_spec delete_options[] = { OPTION_NAME(true, "the pool"), { 0 } };

static const struct column pool_columns[] = { { "Name", "Name" },
					      { "Status", "Status" },
					      { "VolumeGroup", "VolumeGroup" },
					      { "Clusters", "Clusters" },
					      { "Bytes", "Bytes" },
					      { "UnpromisedBytes", "UnpromisedBytes" },
					      { "Data%", "DataPercent" },
					      { "Metadata%", "MetadataPercent" },
					      { 0 } };

static int run_describe(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *pools;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
	pools = json_get_array(reply, "pools");
	if (!pools) {
		fault_set(&f, "InternalFailure", "The agent's answer has no list of pools.");
		return explain_fault(invocation, &f);
	}
	if (invocation->json) {
		document = json_object_new_object();
		json_add_object(document, "Pools", json_object_get(pools));
		output_json(document);
	} else if (json_has(invocation->params, "name") && json_object_array_length(pools) == 1) {
		output_record(json_object_array_get_idx(pools, 0));
	} else if (json_object_array_length(pools) == 0) {
		fprintf(stderr, "This host has no pools yet. See: envelope pool create --help\n");
	} else {
		output_table(pool_columns, pools);
	}
	return 0;
}

static int run_one(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *pool;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
	pool = json_get_object(reply, "pool");
	document = json_object_new_object();
	if (pool)
		json_add_object(document, "Pool", json_object_get(pool));
	if (invocation->json)
		output_json(document);
	else if (pool)
		output_record(pool);
	return 0;
}

const struct command pool_commands[] = {
	{
		.noun = "pool",
		.verb = "create",
		.operation = "CreatePool",
		.method = "CreatePool",
		.progress = "Creating the pool",
		.summary = "Make an LVM thin pool for the volumes of clusters",
		.details =
			"The pool is a logical volume of the same name with the tag dm-envelope. Make the volume\n"
			"group first, with vgcreate. The pool never promises more to its volumes than it has.",
		.example = "  envelope pool create --name fast --volume-group vg0 --size 100",
		.options = create_options,
		.run = run_one,
	},
	{
		.noun = "pool",
		.verb = "describe",
		.operation = "DescribePools",
		.method = "DescribePools",
		.progress = "Reading the pools",
		.reads = true,
		.summary = "Show one pool or all pools, and how full they are",
		.details =
			"LVM is asked. UnpromisedBytes is what new volumes can get. StatusReason says why LVM does\n"
			"not know a pool.",
		.example = "  envelope pool describe --name fast --output json",
		.options = describe_options,
		.run = run_describe,
	},
	{
		.noun = "pool",
		.verb = "delete",
		.operation = "DeletePool",
		.method = "DeletePool",
		.progress = "Deleting the pool",
		.summary = "Remove a pool that has no volumes",
		.details =
			"A logical volume whose uuid or tags are not those of the pool is never removed. Nor is a\n"
			"pool with volumes, also of other programs.",
		.example = "  envelope pool delete --name fast",
		.options = delete_options,
		.run = run_one,
	},
	{ 0 }
};
