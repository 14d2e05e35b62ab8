// SPDX-License-Identifier: MIT
/* The methods of snapshots: CreateSnapshot, DescribeSnapshots, DeleteSnapshot and RestoreSnapshot. */
#include "agent/api/snapshot_methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/api/method.h"
#include "agent/api/reach_method.h"
#include "agent/api/reply.h"
#include "agent/api/snapshot_json.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/pools.h"
#include "agent/rules/rules.h"
#include "agent/work/restore.h"
#include "agent/work/snapshot.h"
#include "agent/work/snapshot_removal.h"
#include "lib/base/json.h"

static int may_create(const struct cluster *cluster, json_object *params, struct fault *f)
{
	const struct agent *agent = cluster->agent;
	const char *name = json_get_string(params, SNAPSHOT_IDENTIFIER);

	if (rules_snapshot_name(name, f) < 0)
		return -1;
	if (snapshot_find(agent, name))
		return fault_set(f, "DBClusterSnapshotAlreadyExistsFault",
				 "Cannot create the cluster snapshot because one with the identifier %s already exists.",
				 name);
	if (rules_snapshot_quota(snapshots_count(agent, NULL), agent->config.snapshot_quota, f) < 0)
		return -1;
	return rules_snapshot(cluster, f);
}

static void begin_create(struct operation *op, json_object *params)
{
	snapshot_begin(op, json_get_string(params, SNAPSHOT_IDENTIFIER));
}

/** snapshot_methods_create() - CreateSnapshot: of a cluster in a pool */
int snapshot_methods_create(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = {
		{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
		{ SNAPSHOT_IDENTIFIER, PARAMETER_STRING, true },
	};
	static const struct change change = {
		.api = "CreateDBClusterSnapshot",
		METHOD_PARAMETERS(table),
		.rule = may_create,
		.kind = OPERATION_SNAPSHOT,
		.begin = begin_create,
	};

	return method_change(call, params, userdata, &change);
}

/** snapshot_methods_describe() - DescribeSnapshots: all snapshots, or those that the parameters name */
int snapshot_methods_describe(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = {
		{ SNAPSHOT_IDENTIFIER, PARAMETER_STRING, false },
		{ METHOD_IDENTIFIER, PARAMETER_STRING, false },
		{ "snapshotType", PARAMETER_STRING, false },
	};
	struct agent *agent = method_agent(userdata);
	const char *name = json_get_string(params, SNAPSHOT_IDENTIFIER);
	const char *cluster = json_get_string(params, METHOD_IDENTIFIER);
	const char *type = json_get_string(params, "snapshotType");
	_cleanup_json_ json_object *reply = NULL;
	json_object *list;
	struct fault f;

	if (METHOD_CHECK(call, params, table))
		return 0;
	if (type && rules_snapshot_type(type, &f) < 0) {
		reply_fault(call, &f);
		return 0;
	}
	if (name && !snapshot_find(agent, name)) {
		fault_set(&f, "DBClusterSnapshotNotFoundFault",
			  "DBClusterSnapshot %.63s not found.", name);
		reply_fault(call, &f);
		return 0;
	}
	reply = json_object_new_object();
	list = json_object_new_array();
	json_add_object(reply, "snapshots", list);
	for (const struct snapshot *s = agent->snapshots; s; s = s->next)
		if ((!name || !strcasecmp(name, s->name)) &&
		    (!cluster || !strcasecmp(cluster, s->cluster_id)) &&
		    (!type || !strcmp(type, "manual")))
			json_object_array_add(list, snapshot_to_json(s));
	varlink_reply(call, reply);
	return 0;
}

/** snapshot_methods_delete() - DeleteSnapshot */
int snapshot_methods_delete(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = { { SNAPSHOT_IDENTIFIER, PARAMETER_STRING, true } };
	struct agent *agent = method_agent(userdata);
	struct fault f;

	if (METHOD_CHECK(call, params, table) || snapshot_delete(agent, call, params, &f) == 0)
		return 0;
	return method_refuse(agent, call, "DeleteDBClusterSnapshot", params, NULL, &f);
}

/* The cluster of a restore, in the agent's list; NULL without memory. */
static struct cluster *new_cluster(struct agent *agent, const struct snapshot *s,
				   json_object *params)
{
	const char *id = json_get_string(params, METHOD_IDENTIFIER);
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	if (cluster && cluster_make_ids(cluster) == 0)
		cluster->device = pool_device(pool_find(agent, s->in_pool.pool),
					      cluster->volume_id);
	if (!cluster || !cluster->device) {
		cluster_free(cluster);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(cluster->id) - 1 && id[i]; i++)
		cluster->id[i] = (char)(id[i] | 0x20);
	memcpy(cluster->region, s->region, sizeof(cluster->region));
	memcpy(cluster->account, s->account, sizeof(cluster->account));
	memcpy(cluster->key_arn, s->key_arn, sizeof(cluster->key_arn));
	cluster->deletion_protection = json_get_bool(params, "deletionProtection", false);
	cluster->reach = s->reach;
	reach_take(params, &cluster->reach);
	memcpy(cluster->in_pool.pool, s->in_pool.pool, sizeof(cluster->in_pool.pool));
	cluster->in_pool.bytes = s->in_pool.bytes;
	cluster->created = time(NULL);
	cluster_add(agent, cluster);
	return cluster;
}

static int check_restore(const struct agent *agent, json_object *params,
			 const struct snapshot **ret, struct fault *f)
{
	const char *name = json_get_string(params, SNAPSHOT_IDENTIFIER);
	const struct snapshot *s = *ret = snapshot_find(agent, name);
	const struct restore_request request = {
		.identifier = json_get_string(params, METHOD_IDENTIFIER),
		.snapshot = name,
		.status = s ? s->status : SNAPSHOT_AVAILABLE,
		.snapshot_pool = s ? s->in_pool.pool : "",
		.pool = json_get_string(params, "pool"),
		.plain = !json_get_bool(params, "storageEncrypted", true),
	};
	const struct pool *pool = s ? pool_find(agent, s->in_pool.pool) : NULL;

	if (!s)
		return fault_set(f, "DBClusterSnapshotNotFoundFault",
				 "DBClusterSnapshot %.63s not found.", name);
	if (rules_restore(&request, f) < 0 || rules_region(s->region, agent->config.region, f) < 0)
		return -1;
	if (!pool || pool->status != POOL_AVAILABLE)
		return fault_set(f, "DBPoolNotFoundFault",
				 "The pool %s of the snapshot is not known, or is being deleted.",
				 s->in_pool.pool);
	if (cluster_find((struct agent *)agent, request.identifier))
		return fault_set(f, "DBClusterAlreadyExistsFault", "DB Cluster %s already exists.",
				 request.identifier);
	return 0;
}

/** snapshot_methods_restore() - RestoreSnapshot: a new cluster from a snapshot, under the same key */
int snapshot_methods_restore(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = {
		{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
		{ SNAPSHOT_IDENTIFIER, PARAMETER_STRING, true },
		{ "kmsKeyId", PARAMETER_STRING, false },
		{ "storageEncrypted", PARAMETER_BOOL, false },
		{ "pool", PARAMETER_STRING, false },
		{ "deletionProtection", PARAMETER_BOOL, false },
		{ METHOD_PROFILE, PARAMETER_STRING, false },
		{ METHOD_ENDPOINT, PARAMETER_STRING, false },
	};
	static const char api[] = "RestoreDBClusterFromSnapshot";
	struct agent *agent = method_agent(userdata);
	const struct snapshot *s = NULL;
	struct cluster *cluster;
	struct operation *op;
	struct reach reach = { 0 };
	struct fault f = { 0 };

	if (METHOD_CHECK(call, params, table))
		return 0;
	if (reach_check_call(call, params, agent, &reach, &f) < 0 ||
	    check_restore(agent, params, &s, &f) < 0)
		return method_refuse(agent, call, api, params, NULL, &f);
	cluster = new_cluster(agent, s, params);
	op = cluster ? operation_begin(cluster, OPERATION_RESTORE_SNAPSHOT, call, params, &f)
		     : NULL;
	if (!op) {
		fault_set(&f, "InternalFailure", "Out of memory.");
		if (cluster)
			cluster_remove(cluster);
		return method_refuse(agent, call, api, params, NULL, &f);
	}
	restore_begin(op, s, json_get_string(params, "kmsKeyId"));
	return 0;
}
