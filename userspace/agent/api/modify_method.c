// SPDX-License-Identifier: MIT
/*
 * ModifyCluster: the parameters that change a setting, and those that the rule refuses by name.
 */
#include "agent/api/modify_method.h"

#include "agent/api/reach_method.h"
#include "agent/rules/pool_rules.h"
#include "agent/rules/rules.h"
#include "agent/work/modify.h"
#include "lib/base/json.h"

static int may_modify(const struct cluster *cluster, json_object *params, struct fault *f)
{
	static const struct {
		const char *parameter;
		enum modification modification;
	} table[] = {
		{ "kmsKeyId", MODIFY_KEY },
		{ "storageEncrypted", MODIFY_ENCRYPTION },
		{ "region", MODIFY_REGION },
		{ "device", MODIFY_DEVICE },
		{ "deletionProtection", MODIFY_PROTECTION },
		{ "allowDiscards", MODIFY_DISCARDS },
		{ METHOD_PROFILE, MODIFY_REACH },
		{ METHOD_ENDPOINT, MODIFY_REACH },
	};
	unsigned int modifications = json_get_bool(params, "grow", false) ? MODIFY_GROW : 0;

	if (json_has(params, METHOD_STORAGE)) {
		modifications |= MODIFY_STORAGE;
		if (rules_pool_storage(cluster->id, cluster->in_pool.pool, cluster->in_pool.bytes,
				       json_get_int(params, METHOD_STORAGE, 0), f) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		modifications |= json_has(params, table[i].parameter) ? table[i].modification : 0;
	return rules_modify(cluster, modifications, f);
}

static void begin_modify(struct operation *op, json_object *params)
{
	const struct cluster *cluster = op->cluster;
	struct modify_request request = {
		.deletion_protection = json_get_bool(params, "deletionProtection",
						     cluster->deletion_protection),
		.allow_discards = json_get_bool(params, "allowDiscards", cluster->allow_discards),
		.sets_discards = json_has(params, "allowDiscards"),
		.grow = json_get_bool(params, "grow", false),
		.bytes = (uint64_t)json_get_int(params, METHOD_STORAGE, 0) * POOL_GIB,
		.reach = cluster->reach,
	};

	reach_take(params, &request.reach);
	modify_begin(op, &request);
}

static const struct parameter modify_parameters[] = {
	{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
	{ "kmsKeyId", PARAMETER_STRING, false },
	{ "storageEncrypted", PARAMETER_BOOL, false },
	{ "region", PARAMETER_STRING, false },
	{ "device", PARAMETER_STRING, false },
	{ "deletionProtection", PARAMETER_BOOL, false },
	{ "allowDiscards", PARAMETER_BOOL, false },
	{ "grow", PARAMETER_BOOL, false },
	{ METHOD_STORAGE, PARAMETER_INT, false },
	{ METHOD_PROFILE, PARAMETER_STRING, false },
	{ METHOD_ENDPOINT, PARAMETER_STRING, false },
};

static int permit_modify(struct varlink_call *call, json_object *params, const struct agent *agent,
			 const struct cluster *cluster, struct fault *f)
{
	static const struct reach none;

	return reach_check_call(call, params, agent, cluster ? &cluster->reach : &none, f);
}

static const struct change change_modify = {
	.api = "ModifyDBCluster",
	METHOD_PARAMETERS(modify_parameters),
	.rule = may_modify,
	.kind = OPERATION_MODIFY,
	.begin = begin_modify,
	.permit = permit_modify,
};

/** method_modify() - answer a call of ModifyCluster */
int method_modify(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_modify);
}
