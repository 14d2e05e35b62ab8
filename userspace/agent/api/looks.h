/* SPDX-License-Identifier: MIT */
/* The methods that only look, for the table in methods.c. */
#ifndef ENVELOPE_LOOKS_H
#define ENVELOPE_LOOKS_H

#include "lib/varlink/varlink.h"

int looks_describe(struct varlink_call *call, json_object *params, void *userdata);
int looks_status(struct varlink_call *call, json_object *params, void *userdata);
int looks_events(struct varlink_call *call, json_object *params, void *userdata);

#endif
