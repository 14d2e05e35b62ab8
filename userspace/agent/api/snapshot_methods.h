/* SPDX-License-Identifier: MIT */
/* The methods of snapshots. */
#ifndef ENVELOPE_SNAPSHOT_METHODS_H
#define ENVELOPE_SNAPSHOT_METHODS_H

#include <json-c/json.h>

#include "lib/varlink/varlink.h"

int snapshot_methods_create(struct varlink_call *call, json_object *params, void *userdata);
int snapshot_methods_describe(struct varlink_call *call, json_object *params, void *userdata);
int snapshot_methods_delete(struct varlink_call *call, json_object *params, void *userdata);
int snapshot_methods_restore(struct varlink_call *call, json_object *params, void *userdata);

#endif
