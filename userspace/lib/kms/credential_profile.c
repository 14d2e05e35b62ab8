// SPDX-License-Identifier: MIT
/*
 * From a profile to a plan. See credential_profile.h.
 */

#include "lib/kms/credential_profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ini.h"
#include "lib/base/json.h"

#define CHAIN_MAX 5	       /* profiles, by source_profile */
#define MFA	  "mfa_serial" /* of a person, also where a role would be assumed */

/* What a profile says besides its keys. Owned; NULL for what it does not say. */
struct profile {
	bool has_keys;
	char *role_arn;
	char *source_profile;
	char *credential_source;
	char *web_identity_token_file;
	char *credential_process;
	char *role_session_name;
	char *external_id;
	char *duration_seconds;
	bool mfa;
	const char *unsupported; /* a static text */
};

static const struct {
	const char *key;
	size_t offset; /* in struct profile */
} keys[] = {
	{ "role_arn", offsetof(struct profile, role_arn) },
	{ "source_profile", offsetof(struct profile, source_profile) },
	{ "credential_source", offsetof(struct profile, credential_source) },
	{ "web_identity_token_file", offsetof(struct profile, web_identity_token_file) },
	{ "credential_process", offsetof(struct profile, credential_process) },
	{ "role_session_name", offsetof(struct profile, role_session_name) },
	{ "external_id", offsetof(struct profile, external_id) },
	{ "duration_seconds", offsetof(struct profile, duration_seconds) },
};

/* Sources that need a person at each session. */
static const char *const unsupported[] = { MFA, "sso_session", "sso_start_url" };

static char **text_of(struct profile *p, size_t i)
{
	return (char **)((char *)p + keys[i].offset);
}

static void profile_free(struct profile *p)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		free(*text_of(p, i));
}

#define _cleanup_profile_ __attribute__((cleanup(profile_free)))

static int profile_entry(const char *section, const char *key, const char *value, void *userdata,
			 struct fault *f)
{
	struct profile *p = userdata;

	if (!strcmp(key, "aws_access_key_id") || !strcmp(key, "aws_secret_access_key"))
		p->has_keys = true;
	p->mfa |= !strcmp(key, MFA);
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(*unsupported); i++)
		if (!strcmp(key, unsupported[i]))
			p->unsupported = unsupported[i];
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char *copy;

		if (strcmp(key, keys[i].key))
			continue;
		copy = strdup(value);
		if (!copy)
			return fault_set(f, "InternalFailure", "Out of memory.");
		free(*text_of(p, i));
		*text_of(p, i) = copy;
	}
	return 0;
}

/* The source of @p when it is no profile. */
static int named_source(const struct config *cfg, const char *name, const struct profile *p,
			struct credential_plan *plan, struct fault *f)
{
	static const struct {
		const char *name;
		int (*look)(const struct config *, struct credential_plan *, struct fault *);
	} sources[] = {
		{ "Environment", credential_environment },
		{ "EcsContainer", credential_container },
		{ "Ec2InstanceMetadata", credential_instance },
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		int r;

		if (strcmp(sources[i].name, p->credential_source))
			continue;
		r = sources[i].look(cfg, plan, f);
		return r ? r
			 : fault_set(f, "InvalidConfiguration",
				     "%s: The profile [%s] has credential_source=%s, which is not configured in the environment.",
				     cfg->credentials_file, name, p->credential_source);
	}
	return fault_set(f, "InvalidConfiguration",
			 "%s: The profile [%s] has credential_source=%.64s. Give Environment, EcsContainer or Ec2InstanceMetadata.",
			 cfg->credentials_file, name, p->credential_source);
}

static int look(const struct config *cfg, const char *name, bool keys_first, unsigned int depth,
		struct credential_plan *plan, struct fault *f);

static int source_of(const struct config *cfg, const char *name, const struct profile *p,
		     unsigned int depth, struct credential_plan *plan, struct fault *f)
{
	if (p->source_profile && p->credential_source)
		return fault_set(f, "InvalidConfiguration",
				 "%s: The profile [%s] has both source_profile and credential_source. Remove one.",
				 cfg->credentials_file, name);
	if (p->credential_source)
		return named_source(cfg, name, p, plan, f);
	if (!p->source_profile)
		return fault_set(f, "InvalidConfiguration",
				 "%s: The profile [%s] has role_arn without source_profile, credential_source or web_identity_token_file. Add one.",
				 cfg->credentials_file, name);
	if (depth == CHAIN_MAX)
		return fault_set(f, "InvalidConfiguration",
				 "%s: The source_profile of [%s] leads through more than %d profiles, or in a circle.",
				 cfg->credentials_file, name, CHAIN_MAX);
	/* A profile that is its own source gives its keys. */
	return look(cfg, p->source_profile, !strcmp(p->source_profile, name), depth + 1, plan, f);
}

/* Ends with the role of @p: the steps before it get the credentials that assume the role. */
static int assume(const struct config *cfg, const char *name, const struct profile *p,
		  unsigned int depth, struct credential_plan *plan, struct fault *f)
{
	struct json_object *step;
	char *end = (char *)"";
	long seconds = 0;

	if (p->duration_seconds)
		seconds = strtol(p->duration_seconds, &end, 10);
	if (*end || (p->duration_seconds && (seconds < 900 || seconds > 43200)))
		return fault_set(f, "InvalidConfiguration",
				 "%s: The profile [%s] has duration_seconds=%.64s. Give 900 to 43200 seconds.",
				 cfg->credentials_file, name, p->duration_seconds);
	if (!p->web_identity_token_file && source_of(cfg, name, p, depth, plan, f) < 0)
		return -1;
	step = credential_plan_step(plan, p->web_identity_token_file ? "web-identity" : "role");
	json_add_string(step, "roleArn", p->role_arn);
	json_add_string(step, "sessionName",
			p->role_session_name ? p->role_session_name : "dm-envelope");
	if (p->external_id && !p->web_identity_token_file)
		json_add_string(step, "externalId", p->external_id);
	if (p->duration_seconds)
		json_add_int(step, "durationSeconds", seconds);
	if (p->web_identity_token_file &&
	    credential_plan_token(plan, p->web_identity_token_file, f))
		return -1;
	return credential_plan_sts(cfg, step, f) ? -1 : 1;
}

static int needs_person(const struct config *cfg, const char *name, const char *key,
			struct fault *f)
{
	return fault_set(f, "InvalidConfiguration",
			 "%s: The profile [%s] has %s, which needs a person. Give keys, a role or a credential_process.",
			 cfg->credentials_file, name, key);
}

/* Return: 1 or -1. */
static int look(const struct config *cfg, const char *name, bool keys_first, unsigned int depth,
		struct credential_plan *plan, struct fault *f)
{
	struct profile _cleanup_profile_ p = { 0 };
	char section[256];
	const char *keys_in = name;
	bool has_keys;

	/* The section of a role is [NAME] in a credentials file, and [profile NAME] in a config file. */
	snprintf(section, sizeof(section), "profile %s", name);
	if (credentials_check_private(cfg->credentials_file, f) ||
	    ini_read_section(cfg->credentials_file, section, profile_entry, &p, f))
		return -1;
	has_keys = p.has_keys;
	p.has_keys = false;
	if (ini_read_section(cfg->credentials_file, name, profile_entry, &p, f))
		return -1;
	if (has_keys && !p.has_keys)
		keys_in = section;
	p.has_keys |= has_keys;
	if (p.role_arn && !(keys_first && p.has_keys) && p.mfa)
		return needs_person(cfg, name, MFA, f);
	if (p.role_arn && !(keys_first && p.has_keys))
		return assume(cfg, name, &p, depth, plan, f);
	if (p.credential_process && !p.has_keys) {
		json_add_string(credential_plan_step(plan, "process"), "command",
				p.credential_process);
		return 1;
	}
	if (p.unsupported && !p.has_keys)
		return needs_person(cfg, name, p.unsupported, f);
	return credentials_load(cfg->credentials_file, keys_in, &plan->credentials, f) ? -1 : 1;
}

/**
 * credential_profile() - what the profile of @cfg says
 *
 * Return: 1, 0 when CredentialsFile= is empty, or -1.
 */
int credential_profile(const struct config *cfg, struct credential_plan *plan, struct fault *f)
{
	return *cfg->credentials_file ? look(cfg, cfg->profile, false, 1, plan, f) : 0;
}
