// SPDX-License-Identifier: MIT
/*
 * Plans, and the providers that the environment configures. See credential_plan.h.
 */

#include "lib/kms/credential_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/credential_text.h"
#include "lib/base/endpoint.h"
#include "lib/base/file.h"
#include "lib/base/json.h"

#define CONTAINER_HOST	"http://169.254.170.2"
#define INSTANCE_HOST	"http://169.254.169.254"
#define INSTANCE_HOST_6 "http://[fd00:ec2::254]"

/* A variable of the environment, NULL if it is unset or empty. */
static const char *variable(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

/** credential_plan_step() - append a step of @kind; borrowed */
struct json_object *credential_plan_step(struct credential_plan *plan, const char *kind)
{
	struct json_object *step = json_object_new_object();

	if (!plan->steps)
		plan->steps = json_object_new_array();
	json_add_string(step, "kind", kind);
	json_object_array_add(plan->steps, step);
	return step;
}

/**
 * credential_plan_sts() - add the address of STS to a step that calls it
 * @step: its "url" and "region" are set
 *
 * Return: 0 or -1.
 */
int credential_plan_sts(const struct config *cfg, struct json_object *step, struct fault *f)
{
	const char *url = variable("AWS_ENDPOINT_URL_STS");
	char regional[128];

	snprintf(regional, sizeof(regional), "https://sts.%.64s.amazonaws.com%s", cfg->region,
		 strncmp(cfg->region, "cn-", 3) ? "" : ".cn");
	if (url && endpoint_check_source("AWS_ENDPOINT_URL_STS", url, ENDPOINT_SOURCE, f))
		return -1;
	json_add_string(step, "url", url ? url : regional);
	json_add_string(step, "region", cfg->region);
	return 0;
}

/**
 * credential_plan_token() - read a token's file; a newline at its end is not part of it
 *
 * Return: 0 or -1.
 */
int credential_plan_token(struct credential_plan *plan, const char *path, struct fault *f)
{
	const char *why;
	int fd = file_open(path, &why);
	size_t size = 0;
	ssize_t n = -1;

	if (fd < 0)
		return fault_set(f, "InvalidConfiguration",
				 "The token's file %s cannot be opened: %s.", path, why);
	while (size < sizeof(plan->token)) {
		n = read(fd, plan->token + size, sizeof(plan->token) - size);
		if (n <= 0)
			break;
		size += n;
	}
	close(fd);
	while (size && !n && strchr("\r\n", plan->token[size - 1]))
		size--;
	if (n || !size)
		return fault_set(f, "InvalidConfiguration",
				 "The token's file %s is empty, larger than %d bytes, or cannot be read.",
				 path, CREDENTIAL_TOKEN_MAX);
	plan->token[size] = '\0';
	/* A second line would be a header of its own. */
	if (!credential_text_is_plain(plan->token) || strlen(plan->token) != size)
		return fault_set(f, "InvalidConfiguration",
				 "The token's file %s has more than one line, or a control character.",
				 path);
	return 0;
}

static int take(const char *name, const char *value, char *field, size_t size, struct fault *f)
{
	if (strlen(value) >= size || !credential_text_is_plain(value))
		return fault_set(f, "InvalidConfiguration",
				 "%s in the environment has more than %zu bytes, or a control character.",
				 name, size - 1);
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

/**
 * credential_environment() - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *
 * Return: 1 when configured, 0 when not, or -1.
 */
int credential_environment(const struct config *cfg, struct credential_plan *plan, struct fault *f)
{
	const char *access = variable("AWS_ACCESS_KEY_ID");
	const char *secret = variable("AWS_SECRET_ACCESS_KEY");
	const char *token = variable("AWS_SESSION_TOKEN");
	struct credentials *c = &plan->credentials;

	if (!access && !secret)
		return 0;
	if (!access || !secret)
		return fault_set(f, "InvalidConfiguration",
				 "The environment has only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Set both.");
	if (take("AWS_ACCESS_KEY_ID", access, c->access_key, sizeof(c->access_key), f) ||
	    take("AWS_SECRET_ACCESS_KEY", secret, c->secret_key, sizeof(c->secret_key), f) ||
	    (token &&
	     take("AWS_SESSION_TOKEN", token, c->session_token, sizeof(c->session_token), f)))
		return -1;
	return 1;
}

/**
 * credential_web_identity() - AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
 *
 * Return: 1 when configured, 0 when not, or -1.
 */
int credential_web_identity(const struct config *cfg, struct credential_plan *plan, struct fault *f)
{
	const char *file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
	const char *role = variable("AWS_ROLE_ARN");
	const char *session = variable("AWS_ROLE_SESSION_NAME");
	struct json_object *step;

	if (!file)
		return 0;
	if (!role)
		return fault_set(f, "InvalidConfiguration",
				 "The environment has AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN. Set both.");
	step = credential_plan_step(plan, "web-identity");
	json_add_string(step, "roleArn", role);
	json_add_string(step, "sessionName", session ? session : "dm-envelope");
	return credential_plan_sts(cfg, step, f) || credential_plan_token(plan, file, f) ? -1 : 1;
}

/**
 * credential_container() - AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI
 *
 * Return: 1 when configured, 0 when not, or -1.
 */
int credential_container(const struct config *cfg, struct credential_plan *plan, struct fault *f)
{
	const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	char on_host[1024];
	const char *url = relative ? on_host : full;

	if (!relative && !full)
		return 0;
	if (relative && (*relative != '/' || snprintf(on_host, sizeof(on_host), CONTAINER_HOST "%s",
						      relative) >= (int)sizeof(on_host)))
		return fault_set(f, "InvalidConfiguration",
				 "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI= is not valid. Give a path that begins with a slash.");
	if (endpoint_check_source(relative ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
					   : "AWS_CONTAINER_CREDENTIALS_FULL_URI",
				  url, ENDPOINT_SOURCE, f))
		return -1;
	if (file && credential_plan_token(plan, file, f))
		return -1;
	if (!file && token &&
	    take("AWS_CONTAINER_AUTHORIZATION_TOKEN", token, plan->token, sizeof(plan->token), f))
		return -1;
	json_add_string(credential_plan_step(plan, "container"), "url", url);
	return 1;
}

/**
 * credential_instance() - the instance's role, from its metadata service
 *
 * Return: 1, 0 when AWS_EC2_METADATA_DISABLED is true, or -1.
 */
int credential_instance(const struct config *cfg, struct credential_plan *plan, struct fault *f)
{
	const char *disabled = variable("AWS_EC2_METADATA_DISABLED");
	const char *url = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

	if (disabled && !strcasecmp(disabled, "true"))
		return 0;
	if (url &&
	    endpoint_check_source("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, ENDPOINT_METADATA, f))
		return -1;
	if (!url)
		url = mode && !strcasecmp(mode, "IPv6") ? INSTANCE_HOST_6 : INSTANCE_HOST;
	json_add_string(credential_plan_step(plan, "instance"), "url", url);
	return 1;
}

/** credential_plan_new() - an empty plan; NULL with @f */
struct credential_plan *credential_plan_new(struct fault *f)
{
	struct secret *memory = secret_new(sizeof(struct credential_plan));
	struct credential_plan *plan;

	if (!memory) {
		fault_set(f, "InternalFailure",
			  "No memory can be locked for credentials. Check LimitMEMLOCK=.");
		return NULL;
	}
	plan = (struct credential_plan *)memory->bytes;
	plan->memory = memory;
	return plan;
}

/** credential_plan_free() - wipe and release @plan, which may be NULL */
void credential_plan_free(struct credential_plan *plan)
{
	if (!plan)
		return;
	json_object_put(plan->steps);
	secret_free(plan->memory);
}
