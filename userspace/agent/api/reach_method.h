/* SPDX-License-Identifier: MIT */
/* The parameters "profile" and "kmsEndpoint" of CreateCluster, ModifyCluster and AdoptCluster. */
#ifndef ENVELOPE_REACH_METHOD_H
#define ENVELOPE_REACH_METHOD_H

#include "agent/api/method.h"

#define METHOD_PROFILE	"profile"
#define METHOD_ENDPOINT "kmsEndpoint"

int reach_check_call(struct varlink_call *call, json_object *params, const struct agent *agent,
		     const struct reach *before, struct fault *f);
void reach_take(json_object *params, struct reach *reach);

#endif
