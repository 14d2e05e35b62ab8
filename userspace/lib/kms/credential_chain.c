// SPDX-License-Identifier: MIT
/* The chain of providers. See credential_chain.h. */

#include "lib/kms/credential_chain.h"

#include <string.h>

#include "lib/base/json.h"
#include "lib/kms/credential_profile.h"

/*
 * Temporary credentials have a new access key each time, so STS is asked whose they are. The answer to
 * AssumeRole says it.
 *
 * Return: 0 or -1.
 */
static int ask_whose(const struct config *cfg, struct credential_plan *plan, struct fault *f)
{
	size_t count = plan->steps ? json_object_array_length(plan->steps) : 0;
	const char *last = "";

	if (!count && !plan->credentials.session_token[0])
		return 0;
	if (count)
		last = json_get_string(json_object_array_get_idx(plan->steps, count - 1), "kind");
	if (!strcmp(last, "role") || !strcmp(last, "web-identity"))
		return 0;
	plan->complete = !count;
	return credential_plan_sts(cfg, credential_plan_step(plan, "caller"), f);
}

/**
 * credential_plan_make() - find the provider, and read what it needs from files and the environment
 * @f: InvalidConfiguration; names the file, its line or the variable
 *
 * The first configured provider of the table is taken. With a CredentialsFile= the profile is
 * always configured: the providers after it are for a host without the file. A profile that a cluster
 * has for itself is the only source: the environment is that of the host.
 *
 * Return: the plan, to be released with credential_plan_free(), or NULL.
 */
struct credential_plan *credential_plan_make(const struct config *cfg, struct fault *f)
{
	static int (*const providers[])(const struct config *, struct credential_plan *,
					struct fault *) = {
		credential_environment, credential_profile,  credential_web_identity,
		credential_container,	credential_instance,
	};
	size_t count = cfg->profile_alone ? 0 : sizeof(providers) / sizeof(*providers);
	struct credential_plan *plan = credential_plan_new(f);
	int r = 0;

	if (!plan)
		return NULL;
	if (cfg->profile_alone)
		r = credential_profile(cfg, plan, f);
	for (size_t i = 0; !r && i < count; i++)
		r = providers[i](cfg, plan, f);
	if (r > 0 && !ask_whose(cfg, plan, f))
		return plan;
	if (!r && cfg->profile_alone)
		fault_set(f, "InvalidConfiguration",
			  "The profile [%.127s] of a cluster needs a file of credentials. Set CredentialsFile=.",
			  cfg->profile);
	else if (!r)
		fault_set(f, "InvalidConfiguration",
			  "There is no source of credentials. Set CredentialsFile=, or a source of credentials in the environment of enveloped.");
	credential_plan_free(plan);
	return NULL;
}
