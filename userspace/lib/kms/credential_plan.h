/* SPDX-License-Identifier: MIT */
/*
 * How a call gets its credentials: keys, or steps that the worker takes before its call.
 *
 * Must never ask a server or run a program: the agent opens no network connection.
 */
#ifndef ENVELOPE_CREDENTIAL_PLAN_H
#define ENVELOPE_CREDENTIAL_PLAN_H

#include <json-c/json.h>
#include <stdbool.h>

#include "lib/base/config.h"
#include "lib/base/secret.h"

/** CREDENTIAL_TOKEN_MAX - bytes of a web identity token or of a container's token; AWS: 20,000 */
#define CREDENTIAL_TOKEN_MAX (20 * 1024)

/**
 * struct credential_plan - how a call gets its credentials; in secret memory
 * @memory: which it is in
 * @credentials: long-lived ones, with which the steps begin, or "" in each field
 * @token: of a web identity or a container; "" for none
 * @steps: what the worker does to get credentials, in order; NULL: @credentials are the result.
 *	Holds no secret. worker/credential_steps.h has the members of a step.
 * @complete: @credentials are the result, although there is a step: it asks whose they are
 */
struct credential_plan {
	struct secret *memory;
	struct credentials credentials;
	char token[CREDENTIAL_TOKEN_MAX];
	struct json_object *steps;
	bool complete;
};

struct credential_plan *credential_plan_new(struct fault *f);
void credential_plan_free(struct credential_plan *plan);

struct json_object *credential_plan_step(struct credential_plan *plan, const char *kind);
int credential_plan_sts(const struct config *cfg, struct json_object *step, struct fault *f);
int credential_plan_token(struct credential_plan *plan, const char *path, struct fault *f);

int credential_environment(const struct config *cfg, struct credential_plan *plan, struct fault *f);
int credential_web_identity(const struct config *cfg, struct credential_plan *plan,
			    struct fault *f);
int credential_container(const struct config *cfg, struct credential_plan *plan, struct fault *f);
int credential_instance(const struct config *cfg, struct credential_plan *plan, struct fault *f);

#endif
