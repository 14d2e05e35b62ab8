/* SPDX-License-Identifier: MIT */
/* What the methods have in common: their parameters, and the cluster that they name. */
#ifndef ENVELOPE_METHOD_H
#define ENVELOPE_METHOD_H

#include "agent/agent.h"
#include "agent/api/parameters.h"

#define METHOD_IDENTIFIER	 "dbClusterIdentifier"
#define METHOD_PARAMETERS(table) table, sizeof(table) / sizeof(*(table))
#define METHOD_CHECK(call, params, table) \
	method_refuses(call, parameters_check(params, METHOD_PARAMETERS(table)))

struct agent *method_agent(void *userdata);
bool method_refuses(struct varlink_call *call, const char *parameter);
struct cluster *method_cluster(struct agent *agent, json_object *params, struct fault *f);

#endif
