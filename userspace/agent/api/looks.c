// SPDX-License-Identifier: MIT
/* The methods that only look: DescribeClusters, Status and Events. They change nothing. */
#include "agent/api/looks.h"

#include <string.h>

#include "agent/api/cluster_json.h"
#include "agent/api/disk_json.h"
#include "agent/api/method.h"
#include "agent/api/reply.h"
#include "agent/api/subscriptions.h"
#include "agent/catalog/cluster_list.h"
#include "lib/base/json.h"

static const struct parameter identifier_optional[] = { { METHOD_IDENTIFIER, PARAMETER_STRING,
							  false } };

/** looks_describe() - DescribeClusters: all clusters, or one */
int looks_describe(struct varlink_call *call, json_object *params, void *userdata)
{
	_cleanup_json_ json_object *reply = json_object_new_object();
	json_object *clusters = json_object_new_array();
	struct agent *agent = method_agent(userdata);
	const char *id = json_get_string(params, METHOD_IDENTIFIER);
	struct fault f;

	json_add_object(reply, "clusters", clusters);
	if (METHOD_CHECK(call, params, identifier_optional))
		return 0;
	if (id && !method_cluster(agent, params, &f)) {
		reply_fault(call, &f);
		return 0;
	}
	for (struct cluster *c = agent->clusters; c; c = c->next)
		if (!id || !strcasecmp(id, c->id))
			json_object_array_add(clusters, disk_json_add(cluster_to_json(c), c));
	return varlink_reply(call, reply);
}

/** looks_status() - Status: the volumes, once or at each change */
int looks_status(struct varlink_call *call, json_object *params, void *userdata)
{
	struct agent *agent = method_agent(userdata);
	struct fault f;

	if (METHOD_CHECK(call, params, identifier_optional))
		return 0;
	if (json_has(params, METHOD_IDENTIFIER) && !method_cluster(agent, params, &f)) {
		reply_fault(call, &f);
		return 0;
	}
	return subscriptions_status(agent, call, json_get_string(params, METHOD_IDENTIFIER));
}

/** looks_events() - Events: the audit trail */
int looks_events(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = {
		{ "since", PARAMETER_STRING, false },
		{ "limit", PARAMETER_INT, false },
		{ "follow", PARAMETER_BOOL, false },
	};
	int64_t limit = json_get_int(params, "limit", STREAMS_EVENTS_MAX);

	if (METHOD_CHECK(call, params, table))
		return 0;
	if (limit < 1 || limit > STREAMS_EVENTS_MAX)
		return varlink_error_parameter(call, "limit");
	return subscriptions_events(method_agent(userdata), call, json_get_string(params, "since"),
				    (size_t)limit, json_get_bool(params, "follow", false));
}
