/* SPDX-License-Identifier: MIT */
/* The methods of pools. */
#ifndef ENVELOPE_POOL_METHODS_H
#define ENVELOPE_POOL_METHODS_H

#include <json-c/json.h>

#include "lib/varlink/varlink.h"

int pool_methods_create(struct varlink_call *call, json_object *params, void *userdata);
int pool_methods_describe(struct varlink_call *call, json_object *params, void *userdata);
int pool_methods_rebuild(struct varlink_call *call, json_object *params, void *userdata);
int pool_methods_delete(struct varlink_call *call, json_object *params, void *userdata);

#endif
