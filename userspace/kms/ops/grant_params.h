/* SPDX-License-Identifier: MIT */
/*
 * The parameters of the calls on grants, and GrantTokens, which each call may have.
 *
 * Must never take a constraint that the rules of grants do not know: the grant would give too much.
 */
#ifndef ENVELOPE_KMS_GRANT_PARAMS_H
#define ENVELOPE_KMS_GRANT_PARAMS_H

#include "kms/call.h"
#include "kms/grants/grant.h"

int grant_tokens_check(struct call *call, struct fault *f);

int grant_id_param(struct json_object *params, bool needed, const char **grant_id, struct fault *f);

int grant_principal_param(struct json_object *params, const char *name, bool needed,
			  const char **principal, struct fault *f);

int grant_params(struct json_object *params, struct grant *grant, struct fault *f);

#endif
