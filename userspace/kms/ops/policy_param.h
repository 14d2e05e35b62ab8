/* SPDX-License-Identifier: MIT */
/*
 * The parameters of a request that gives a key a policy: PutKeyPolicy and CreateKey.
 *
 * Must never take a text that the reply of GetKeyPolicy could not carry unchanged.
 */
#ifndef ENVELOPE_KMS_POLICY_PARAM_H
#define ENVELOPE_KMS_POLICY_PARAM_H

#include <stdbool.h>

#include <json-c/json.h>

#include "lib/base/fault.h"

int policy_param(struct json_object *params, bool needed, const char **policy, bool *bypass,
		 struct fault *f);

#endif
