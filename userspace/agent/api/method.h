/* SPDX-License-Identifier: MIT */
/* What the methods have in common: their parameters, and the cluster that they name. */
#ifndef ENVELOPE_METHOD_H
#define ENVELOPE_METHOD_H

#include "agent/agent.h"
#include "agent/api/parameters.h"
#include "agent/work/operation.h"

#define METHOD_IDENTIFIER	 "dbClusterIdentifier"
#define METHOD_STORAGE		 "allocatedStorage"
#define METHOD_PARAMETERS(table) table, sizeof(table) / sizeof(*(table))
#define METHOD_CHECK(call, params, table) \
	method_refuses(call, parameters_check(params, METHOD_PARAMETERS(table)))

/**
 * struct change - a method that changes one cluster, found by its identifier
 * @api: RDS's name of the action, for the audit trail
 * @parameters, @count: what it takes
 * @rule: may it be done?
 * @kind: of the operation
 * @begin: begins the operation
 * @ends_try: the method, if it ends a start that is under way; NULL: it does not
 * @permit: may this caller do it? Called first, also when there is no such cluster; NULL: as far as
 *	the right to change clusters goes
 */
struct change {
	const char *api;
	const struct parameter *parameters;
	size_t count;
	int (*rule)(const struct cluster *cluster, json_object *params, struct fault *f);
	enum operation_kind kind;
	void (*begin)(struct operation *op, json_object *params);
	int (*ends_try)(struct varlink_call *call, json_object *params, void *userdata);
	int (*permit)(struct varlink_call *call, json_object *params, const struct agent *agent,
		      const struct cluster *cluster, struct fault *f);
};

struct agent *method_agent(void *userdata);
bool method_refuses(struct varlink_call *call, const char *parameter);
struct cluster *method_cluster(struct agent *agent, json_object *params, struct fault *f);
int method_refuse(struct agent *agent, struct varlink_call *call, const char *api,
		  json_object *params, const struct cluster *cluster, const struct fault *f);
int method_change(struct varlink_call *call, json_object *params, void *userdata,
		  const struct change *change);

#endif
