// SPDX-License-Identifier: MIT
/* The chain of providers. See credential_chain.h. */

#include "lib/kms/credential_chain.h"

#include "lib/kms/credential_profile.h"

/**
 * credential_plan_make() - find the provider, and read what it needs from files and the environment
 * @f: InvalidConfiguration; names the file, its line or the variable
 *
 * The first configured provider of the table is taken. With a CredentialsFile= the profile is
 * always configured: the providers after it are for a host without the file.
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
	struct credential_plan *plan = credential_plan_new(f);
	int r = 0;

	if (!plan)
		return NULL;
	for (size_t i = 0; !r && i < sizeof(providers) / sizeof(*providers); i++)
		r = providers[i](cfg, plan, f);
	if (r > 0)
		return plan;
	if (!r)
		fault_set(f, "InvalidConfiguration",
			  "There is no source of credentials. Set CredentialsFile=, or a source of credentials in the environment of enveloped.");
	credential_plan_free(plan);
	return NULL;
}
