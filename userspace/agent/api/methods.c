// SPDX-License-Identifier: MIT
/*
 * The methods of io.dmenvelope.Cluster: check the parameters, ask the rule, begin the operation or
 * answer. A method that changes one cluster is a struct change. Must decide nothing that rules.c
 * can decide.
 */
#include "agent/api/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/api/looks.h"
#include "agent/api/method.h"
#include "agent/api/modify_method.h"
#include "agent/api/parameters.h"
#include "agent/api/pool_methods.h"
#include "agent/api/reach_method.h"
#include "agent/api/reply.h"
#include "agent/api/rights.h"
#include "agent/api/snapshot_methods.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/pools.h"
#include "agent/lease/keyring.h"
#include "agent/rules/owner_rules.h"
#include "agent/rules/pool_rules.h"
#include "agent/rules/rules.h"
#include "agent/work/adopt.h"
#include "agent/work/attach.h"
#include "agent/work/create.h"
#include "agent/work/detach.h"
#include "agent/work/fencing.h"
#include "agent/work/header_backup.h"
#include "agent/work/key_loss.h"
#include "agent/work/operation.h"
#include "agent/work/relocate.h"
#include "agent/work/start_note.h"
#include "agent/work/state.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

static const char description[] =
#include "interface.inc"
	;

/* ---- changes ---- */

/* @pool: that its volume is to be in; NULL for a device of its own */
static struct cluster *new_cluster(struct agent *agent, const struct create_request *request,
				   const struct pool *pool, json_object *params, struct fault *f)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	if (cluster && cluster_make_ids(cluster) == 0)
		cluster->device = pool ? pool_device(pool, cluster->volume_id)
				       : strdup(request->device);
	if (!cluster || !cluster->device) {
		cluster_free(cluster);
		fault_set(f, "InternalFailure", "Out of memory.");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(cluster->id) - 1 && request->identifier[i]; i++)
		cluster->id[i] = (char)(request->identifier[i] | 0x20);
	snprintf(cluster->region, sizeof(cluster->region), "%s",
		 request->region ? request->region : request->host_region);
	snprintf(cluster->account, sizeof(cluster->account), "%s", request->host_account);
	/* A linear device passes them all. */
	cluster->allow_discards = request->allow_discards || request->storage_plain;
	cluster->deletion_protection = json_get_bool(params, "deletionProtection", false);
	reach_take(params, &cluster->reach);
	if (pool) {
		memcpy(cluster->in_pool.pool, pool->name, sizeof(pool->name));
		cluster->in_pool.bytes = (uint64_t)json_get_int(params, METHOD_STORAGE, 0) *
					 POOL_GIB;
	}
	cluster->created = time(NULL);
	cluster_add(agent, cluster);
	return cluster;
}

/* Return: 0, with the pool that the parameters name or NULL for a device, or -1. */
static int pool_of(const struct agent *agent, json_object *params, const struct pool **ret,
		   struct fault *f)
{
	const char *name = json_get_string(params, "pool");

	if (rules_pool_place(name, json_get_string(params, "device"),
			     json_has(params, METHOD_STORAGE),
			     json_get_int(params, METHOD_STORAGE, 0), f) < 0)
		return -1;
	*ret = name ? pool_find(agent, name) : NULL;
	if (name && !*ret)
		return fault_set(f, "DBPoolNotFoundFault", "Pool %.63s not found.", name);
	if (name && (*ret)->status != POOL_AVAILABLE)
		return fault_set(f, "InvalidPoolStateFault",
				 "The pool %s is being created or deleted. Try again later.", name);
	return 0;
}

static int create_cluster(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = {
		{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
		{ "device", PARAMETER_STRING, false },
		{ "pool", PARAMETER_STRING, false },
		{ METHOD_STORAGE, PARAMETER_INT, false },
		{ "storageEncrypted", PARAMETER_BOOL, false },
		{ "kmsKeyId", PARAMETER_STRING, false },
		{ "region", PARAMETER_STRING, false },
		{ "allowOverwrite", PARAMETER_BOOL, false },
		{ "deletionProtection", PARAMETER_BOOL, false },
		{ "sectorSize", PARAMETER_INT, false },
		{ "allowDiscards", PARAMETER_BOOL, false },
		{ METHOD_PROFILE, PARAMETER_STRING, false },
		{ METHOD_ENDPOINT, PARAMETER_STRING, false },
	};
	struct agent *agent = method_agent(userdata);
	const struct create_request request = {
		.identifier = json_get_string(params, METHOD_IDENTIFIER),
		.device = json_get_string(params, "device"),
		.storage_encrypted = json_get_bool(params, "storageEncrypted", false),
		.storage_plain = !json_get_bool(params, "storageEncrypted", true),
		.reach = json_has(params, METHOD_PROFILE) || json_has(params, METHOD_ENDPOINT),
		.key = json_get_string(params, "kmsKeyId"),
		.region = json_get_string(params, "region"),
		.allow_overwrite = json_get_bool(params, "allowOverwrite", false),
		.sector_size = json_get_int(params, "sectorSize", 0),
		.allow_discards = json_get_bool(params, "allowDiscards", false),
		.host_region = agent->config.region,
		.host_account = agent->config.account_id,
	};
	struct cluster *cluster = NULL;
	const struct pool *pool = NULL;
	struct reach reach = { 0 };
	struct operation *op;
	const char *key;
	struct fault f = { 0 };

	if (METHOD_CHECK(call, params, table))
		return 0;
	if (reach_check_call(call, params, agent, &reach, &f) < 0 ||
	    rules_create(&request, &key, &f) < 0 || pool_of(agent, params, &pool, &f) < 0)
		return method_refuse(agent, call, "CreateDBCluster", params, NULL, &f);
	if (cluster_find(agent, request.identifier)) {
		fault_set(&f, "DBClusterAlreadyExistsFault", "DB Cluster %s already exists.",
			  request.identifier);
		return method_refuse(agent, call, "CreateDBCluster", params, NULL, &f);
	}
	cluster = new_cluster(agent, &request, pool, params, &f);
	op = cluster ? operation_begin(cluster, OPERATION_CREATE, call, params, &f) : NULL;
	if (!op) {
		if (cluster)
			cluster_remove(cluster);
		return method_refuse(agent, call, "CreateDBCluster", params, NULL, &f);
	}
	op->job.overwrite = request.allow_overwrite;
	op->job.sector_size = (uint32_t)request.sector_size;
	create_begin(op, key);
	return 0;
}

/* ---- changes of one cluster ---- */

static int may_start(const struct cluster *cluster, json_object *params, struct fault *f)
{
	return rules_start(cluster, json_get_bool(params, "atBoot", false), f);
}

static void begin_start(struct operation *op, json_object *params)
{
	struct cluster *cluster = op->cluster;

	op->job.at_boot = json_get_bool(params, "atBoot", false);
	op->job.take_over = json_get_bool(params, "takeOver", false);
	op->job.read_only_asked = json_get_bool(params, "readOnly", false);
	if (cluster->status == CLUSTER_AVAILABLE) {
		if (start_note(cluster, op->job.at_boot, cluster->restart.read_only))
			state_save_soon(cluster);
		state_flush(op->agent);
		operation_end(op);
	} else {
		attach_begin(op);
	}
}

static int may_stop(const struct cluster *cluster, json_object *params, struct fault *f)
{
	return rules_stop(cluster, f);
}

static void begin_stop(struct operation *op, json_object *params)
{
	detach_begin(op);
}

static int may_delete(const struct cluster *cluster, json_object *params, struct fault *f)
{
	if (rules_delete(cluster, json_get_bool(params, "skipFinalSnapshot", false), f) < 0)
		return -1;
	return rules_delete_reserved(cluster->id,
				     fencing_claim(0, cluster->reservation.fence_end_ns), f);
}

static void begin_delete(struct operation *op, json_object *params)
{
	op->job.erase = json_get_bool(params, "erase", false);
	op->job.take_over = json_get_bool(params, "takeOver", false);
	detach_begin(op);
}

static int may_confirm_loss(const struct cluster *cluster, json_object *params, struct fault *f)
{
	if (parameters_line("reason", json_get_string(params, "reason"), LOSS_REASON_MAX, f) < 0)
		return -1;
	return rules_confirm_loss(cluster, f);
}

static void begin_confirm_loss(struct operation *op, json_object *params)
{
	key_loss_confirm(op->cluster, json_get_string(params, "reason"));
	operation_end(op);
}

static int may_relocate(const struct cluster *cluster, json_object *params, struct fault *f)
{
	return rules_relocate(cluster, json_get_string(params, "device"), f);
}

static void begin_relocate(struct operation *op, json_object *params)
{
	relocate_begin(op, json_get_string(params, "device"));
}

static int may_backup_header(const struct cluster *cluster, json_object *params, struct fault *f)
{
	return rules_backup_header(cluster, f);
}

static void begin_backup_header(struct operation *op, json_object *params)
{
	backup_header_begin(op);
}

static int may_restore_header(const struct cluster *cluster, json_object *params, struct fault *f)
{
	return rules_restore_header(cluster, f);
}

static void begin_restore_header(struct operation *op, json_object *params)
{
	restore_header_begin(op, json_get_string(params, "header"));
}

static const struct parameter identifier_only[] = { { METHOD_IDENTIFIER, PARAMETER_STRING, true } };

static const struct parameter confirm_loss_parameters[] = {
	{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
	{ "reason", PARAMETER_STRING, false },
};

static const struct parameter start_parameters[] = {
	{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
	{ "takeOver", PARAMETER_BOOL, false },
	{ "atBoot", PARAMETER_BOOL, false },
	{ "readOnly", PARAMETER_BOOL, false },
};

static const struct parameter delete_parameters[] = {
	{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
	{ "takeOver", PARAMETER_BOOL, false },
	{ "skipFinalSnapshot", PARAMETER_BOOL, false },
	{ "erase", PARAMETER_BOOL, false },
};

static const struct parameter relocate_parameters[] = {
	{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
	{ "device", PARAMETER_STRING, true },
};

static const struct parameter restore_parameters[] = {
	{ METHOD_IDENTIFIER, PARAMETER_STRING, true },
	{ "header", PARAMETER_STRING, false },
};

static const struct change change_start = {
	.api = "StartDBCluster",
	METHOD_PARAMETERS(start_parameters),
	.rule = may_start,
	.kind = OPERATION_START,
	.begin = begin_start,
};
static int stop_cluster(struct varlink_call *call, json_object *params, void *userdata);
static int delete_cluster(struct varlink_call *call, json_object *params, void *userdata);

static const struct change change_stop = {
	.api = "StopDBCluster",
	METHOD_PARAMETERS(identifier_only),
	.rule = may_stop,
	.kind = OPERATION_STOP,
	.begin = begin_stop,
	.ends_try = stop_cluster,
};
static const struct change change_delete = {
	.api = "DeleteDBCluster",
	METHOD_PARAMETERS(delete_parameters),
	.rule = may_delete,
	.kind = OPERATION_DELETE,
	.begin = begin_delete,
	.ends_try = delete_cluster,
};
static const struct change change_relocate = {
	.api = "RelocateDBCluster",
	METHOD_PARAMETERS(relocate_parameters),
	.rule = may_relocate,
	.kind = OPERATION_RELOCATE,
	.begin = begin_relocate,
};
static const struct change change_confirm_loss = {
	.api = "ConfirmKeyLoss",
	METHOD_PARAMETERS(confirm_loss_parameters),
	.rule = may_confirm_loss,
	.kind = OPERATION_CONFIRM_LOSS,
	.begin = begin_confirm_loss,
};
static const struct change change_backup_header = {
	.api = "BackupVolumeHeader",
	METHOD_PARAMETERS(identifier_only),
	.rule = may_backup_header,
	.kind = OPERATION_BACKUP_HEADER,
	.begin = begin_backup_header,
};
static const struct change change_restore_header = {
	.api = "RestoreVolumeHeader",
	METHOD_PARAMETERS(restore_parameters),
	.rule = may_restore_header,
	.kind = OPERATION_RESTORE_HEADER,
	.begin = begin_restore_header,
};
static int start_cluster(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_start);
}

static int stop_cluster(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_stop);
}

static int delete_cluster(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_delete);
}

static int relocate_cluster(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_relocate);
}

static int confirm_loss(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_confirm_loss);
}

static int backup_header(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_backup_header);
}

static int restore_header(struct varlink_call *call, json_object *params, void *userdata)
{
	return method_change(call, params, userdata, &change_restore_header);
}

static int adopt_cluster(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = {
		{ "device", PARAMETER_STRING, true },
		{ "takeOver", PARAMETER_BOOL, false },
		{ METHOD_PROFILE, PARAMETER_STRING, false },
		{ METHOD_ENDPOINT, PARAMETER_STRING, false },
	};
	const char *device = json_get_string(params, "device");
	struct agent *agent = method_agent(userdata);
	struct reach reach = { 0 };
	struct fault f;

	if (METHOD_CHECK(call, params, table))
		return 0;
	reach_take(params, &reach);
	if (device[0] != '/')
		fault_set(&f, "InvalidParameterValue", ADOPT_NO_DEVICE, device);
	else if (reach_check_call(call, params, agent, &reach, &f) == 0 &&
		 adopt_begin(agent, call, params, device, json_get_bool(params, "takeOver", false),
			     &reach, &f) == 0)
		return 0;
	return method_refuse(agent, call, "AdoptDBCluster", params, NULL, &f);
}

static int activate_key(struct varlink_call *call, json_object *params, void *userdata)
{
	static const struct parameter table[] = { { "description", PARAMETER_STRING, true } };
	struct agent *agent = method_agent(userdata);
	const char *text = json_get_string(params, "description");
	size_t prefix = strlen(KEY_DESCRIPTION_PREFIX);
	struct cluster *cluster = NULL;
	struct operation *op;
	struct fault f;

	if (METHOD_CHECK(call, params, table))
		return 0;
	if (!strncmp(text, KEY_DESCRIPTION_PREFIX, prefix))
		cluster = cluster_find_volume(agent, text + prefix);
	if (!cluster) {
		fault_set(&f, "DBClusterNotFoundFault", "No volume here has the key %.100s.", text);
		return method_refuse(agent, call, "ActivateKey", params, NULL, &f);
	}
	if (cluster_is_plain(cluster)) {
		fault_set(&f, "InvalidParameterCombination",
			  "The cluster %s is not encrypted: it has no key.", cluster->id);
		return method_refuse(agent, call, "ActivateKey", params, cluster, &f);
	}
	/* It is there already, and alive. */
	if (cluster->key && keyring_find(agent->keyring, text) == cluster->key)
		return varlink_reply(call, NULL);
	if (rules_start(cluster, true, &f) < 0)
		return method_refuse(agent, call, "ActivateKey", params, cluster, &f);
	op = operation_begin(cluster, OPERATION_ACTIVATE, call, params, &f);
	if (!op)
		return method_refuse(agent, call, "ActivateKey", params, cluster, &f);
	attach_begin(op);
	return 0;
}

static const struct varlink_method methods[] = {
	{ "CreateCluster", create_cluster, VARLINK_CHANGE },
	{ "DescribeClusters", looks_describe, VARLINK_READ },
	{ "StartCluster", start_cluster, VARLINK_CHANGE },
	{ "StopCluster", stop_cluster, VARLINK_CHANGE },
	{ "DeleteCluster", delete_cluster, VARLINK_CHANGE },
	{ "ModifyCluster", method_modify, VARLINK_CHANGE },
	{ "AdoptCluster", adopt_cluster, VARLINK_CHANGE },
	{ "RelocateCluster", relocate_cluster, VARLINK_CHANGE },
	{ "ConfirmLoss", confirm_loss, VARLINK_CHANGE },
	{ "BackupHeader", backup_header, VARLINK_CHANGE },
	{ "RestoreHeader", restore_header, VARLINK_CHANGE },
	{ "Status", looks_status, VARLINK_READ },
	{ "Events", looks_events, VARLINK_READ },
	{ "ActivateKey", activate_key, VARLINK_CHANGE },
	{ "CreatePool", pool_methods_create, VARLINK_CHANGE },
	{ "DescribePools", pool_methods_describe, VARLINK_READ },
	{ "DeletePool", pool_methods_delete, VARLINK_CHANGE },
	{ "CreateSnapshot", snapshot_methods_create, VARLINK_CHANGE },
	{ "DescribeSnapshots", snapshot_methods_describe, VARLINK_READ },
	{ "DeleteSnapshot", snapshot_methods_delete, VARLINK_CHANGE },
	{ "RestoreSnapshot", snapshot_methods_restore, VARLINK_CHANGE },
	{ "RebuildCatalog", pool_methods_rebuild, VARLINK_CHANGE },
	{ 0 },
};

const struct varlink_service methods_service = {
	.vendor = "dm-envelope",
	.product = "enveloped",
	.version = ENVELOPE_VERSION,
	.url = "https://varlink.org",
	.interface = AGENT_INTERFACE,
	.description = description,
	.methods = methods,
	.denied = rights_denied,
};
