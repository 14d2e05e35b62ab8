// SPDX-License-Identifier: MIT
/* Parameters of methods, and the cluster that they name. See method.h. */
#include "agent/api/method.h"

#include "agent/catalog/cluster_list.h"
#include "agent/work/state.h"
#include "lib/base/json.h"

/** method_agent() - each method begins here: no answer shows a status that is not saved */
struct agent *method_agent(void *userdata)
{
	state_flush(userdata);
	return userdata;
}

/** method_refuses() - answer that a parameter is wrong; false, without an answer, for NULL */
bool method_refuses(struct varlink_call *call, const char *parameter)
{
	if (parameter)
		varlink_error_parameter(call, parameter);
	return parameter;
}

/** method_cluster() - the cluster that the parameters name; NULL with DBClusterNotFoundFault */
struct cluster *method_cluster(struct agent *agent, json_object *params, struct fault *f)
{
	const char *id = json_get_string(params, METHOD_IDENTIFIER);
	struct cluster *cluster = cluster_find(agent, id);

	if (!cluster)
		fault_set(f, "DBClusterNotFoundFault", "DBCluster %.63s not found.", id);
	return cluster;
}
