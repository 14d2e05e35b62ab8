// SPDX-License-Identifier: MIT
/* The answers to calls, from the methods and from operations that end later. */
#include "agent/api/reply.h"

#include "agent/api/cluster_json.h"
#include "agent/api/disk_json.h"
#include "lib/base/json.h"

/** reply_fault() - answer a call with a fault */
void reply_fault(struct varlink_call *call, const struct fault *f)
{
	_cleanup_json_ json_object *params = json_object_new_object();

	json_add_string(params, "code", f->code);
	json_add_string(params, "message", f->message);
	varlink_error(call, AGENT_INTERFACE ".Fault", params);
}

/** reply_cluster() - answer a call with a cluster; NULL: with nothing */
void reply_cluster(struct varlink_call *call, const struct cluster *cluster)
{
	_cleanup_json_ json_object *params = json_object_new_object();

	if (cluster)
		json_add_object(params, "cluster",
				disk_json_add(cluster_to_json(cluster), cluster));
	varlink_reply(call, params);
}
