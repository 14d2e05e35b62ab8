// SPDX-License-Identifier: MIT
/* The chain of providers. See credential_chain.h. */

#include "lib/kms/credential_chain.h"

#include <string.h>

#include "lib/kms/credential_profile.h"

/**
 * credential_plan_make() - find the provider, and read what it needs from files and the environment
 * @plan: filled; wipe with credential_plan_wipe(), also after a fault
 * @f: InvalidConfiguration; names the file, its line or the variable
 *
 * The first configured provider of the table is taken. With a CredentialsFile= the profile is
 * always configured: the providers after it are for a host without the file.
 *
 * Return: 0 or -1.
 */
int credential_plan_make(const struct config *cfg, struct credential_plan *plan, struct fault *f)
{
	static int (*const providers[])(const struct config *, struct credential_plan *,
					struct fault *) = {
		credential_environment, credential_profile,  credential_web_identity,
		credential_container,	credential_instance,
	};
	int r = 0;

	memset(plan, 0, sizeof(*plan));
	for (size_t i = 0; !r && i < sizeof(providers) / sizeof(*providers); i++)
		r = providers[i](cfg, plan, f);
	if (!r)
		return fault_set(f, "InvalidConfiguration",
				 "There is no source of credentials. Set CredentialsFile=, or a source of credentials in the environment of enveloped.");
	return r < 0 ? -1 : 0;
}
