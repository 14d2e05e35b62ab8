// SPDX-License-Identifier: MIT
/* Parameters of methods, and the cluster that they name. See method.h. */
#include "agent/api/method.h"

#include "agent/api/reply.h"
#include "agent/catalog/cluster_list.h"
#include "agent/work/restart.h"
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

/* A change that was refused before it became an operation is audited here. */
int method_refuse(struct agent *agent, struct varlink_call *call, const char *api,
		  json_object *params, const struct cluster *cluster, const struct fault *f)
{
	audit_api_call(agent->audit, api, params, varlink_call_uid(call), varlink_call_pid(call),
		       cluster, f);
	reply_fault(call, f);
	return 0;
}

/** method_change() - answer a call of a method that changes one cluster */
int method_change(struct varlink_call *call, json_object *params, void *userdata,
		  const struct change *change)
{
	struct agent *agent = method_agent(userdata);
	struct operation *op = NULL;
	struct cluster *cluster;
	struct fault f;

	if (method_refuses(call, parameters_check(params, change->parameters, change->count)))
		return 0;
	cluster = method_cluster(agent, params, &f);
	if (change->permit && change->permit(call, params, agent, cluster, &f) < 0)
		return method_refuse(agent, call, change->api, params, cluster, &f);
	if (cluster && change->ends_try &&
	    restart_give_up(cluster, call, params, change->ends_try,
			    change->kind == OPERATION_STOP))
		return 0;
	if (cluster && change->rule(cluster, params, &f) == 0)
		op = operation_begin(cluster, change->kind, call, params, &f);
	if (!op)
		return method_refuse(agent, call, change->api, params, cluster, &f);
	change->begin(op, params);
	return 0;
}
