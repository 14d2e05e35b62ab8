// SPDX-License-Identifier: MIT
/* The methods of pools: CreatePool, DescribePools and DeletePool; and RebuildCatalog. */
#include "agent/api/pool_methods.h"

#include "agent/api/method.h"
#include "agent/api/reply.h"
#include "agent/work/pool.h"
#include "agent/work/pool_look.h"
#include "agent/work/rebuild.h"
#include "lib/base/json.h"

/** pool_methods_create() - CreatePool: a thin pool in a volume group */
int pool_methods_create(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = {
		{ "name", PARAMETER_STRING, true },
		{ "volumeGroup", PARAMETER_STRING, true },
		{ "size", PARAMETER_INT, false },
	};
	struct agent *agent = method_agent(userdata);
	struct fault f;

	if (METHOD_CHECK(call, params, table) || pool_create(agent, call, params, &f) == 0)
		return 0;
	return method_refuse(agent, call, "CreatePool", params, NULL, &f);
}

/** pool_methods_describe() - DescribePools: all pools, or one, as LVM reports them now */
int pool_methods_describe(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = { { "name", PARAMETER_STRING, false } };
	struct agent *agent = method_agent(userdata);
	struct fault f;

	if (METHOD_CHECK(call, params, table) ||
	    pool_look_answer(agent, call, json_get_string(params, "name"), &f) == 0)
		return 0;
	reply_fault(call, &f);
	return 0;
}

/** pool_methods_delete() - DeletePool: a pool without volumes */
int pool_methods_delete(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = { { "name", PARAMETER_STRING, true } };
	struct agent *agent = method_agent(userdata);
	struct fault f;

	if (METHOD_CHECK(call, params, table) || pool_delete(agent, call, params, &f) == 0)
		return 0;
	return method_refuse(agent, call, "DeletePool", params, NULL, &f);
}

/** pool_methods_rebuild() - RebuildCatalog: take in what is on the disks, or say what would be */
int pool_methods_rebuild(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = { { "dryRun", PARAMETER_BOOL, false } };
	struct agent *agent = method_agent(userdata);
	struct fault f;

	if (METHOD_CHECK(call, params, table) || rebuild_begin(agent, call, params, &f) == 0)
		return 0;
	return method_refuse(agent, call, "RebuildCatalog", params, NULL, &f);
}
