/* SPDX-License-Identifier: MIT */
/* Pools as the varlink interface shows them. */
#ifndef ENVELOPE_POOL_JSON_H
#define ENVELOPE_POOL_JSON_H

#include <json-c/json.h>

#include "agent/catalog/pools.h"
#include "lib/varlink/varlink.h"

json_object *pool_to_json(const struct agent *agent, const struct pool *pool,
			  const struct pool_room *room, const struct fault *why);
void pool_reply(struct varlink_call *call, const struct pool *pool);

#endif
