/* SPDX-License-Identifier: MIT */
/* The method ModifyCluster. */
#ifndef ENVELOPE_MODIFY_METHOD_H
#define ENVELOPE_MODIFY_METHOD_H

#include "agent/api/method.h"

int method_modify(struct varlink_call *call, json_object *params, void *userdata);

#endif
