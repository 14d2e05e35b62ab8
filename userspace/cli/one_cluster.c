// SPDX-License-Identifier: MIT
#include "cli/one_cluster.h"

#include "cli/agent_client.h"
#include "cli/explain.h"
#include "cli/output.h"

/** one_cluster_run() - print a reply with one cluster, which AWS's answer names "DBCluster" */
int one_cluster_run(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL;
	struct json_object *cluster;
	struct fault f;

	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
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
