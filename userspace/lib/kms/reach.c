// SPDX-License-Identifier: MIT
/*
 * A cluster's own profile and endpoint: the judge of the configuration judges them, too. See reach.h.
 */
#include "lib/kms/reach.h"

#include "lib/kms/config_check.h"

/**
 * reach_config() - what the calls of a cluster are made with
 * @config: of the host
 *
 * Return: borrows the strings of both parameters; not to be released.
 */
struct config reach_config(const struct config *config, const struct reach *reach)
{
	struct config own = *config;

	if (reach->endpoint[0])
		own.kms_endpoint = (char *)reach->endpoint;
	if (reach->profile[0]) {
		own.profile = (char *)reach->profile;
		own.profile_alone = true;
	}
	return own;
}

/**
 * reach_check() - judge a cluster's profile and endpoint as those of the configuration
 * @f: InvalidConfiguration; names the address, or the file and the profile
 *
 * Return: 0 or -1.
 */
int reach_check(const struct config *config, const struct reach *reach, struct fault *f)
{
	struct config own = reach_config(config, reach);

	if (!reach->profile[0] && !reach->endpoint[0])
		return 0;
	return config_check_endpoints(&own, f) || config_check_kms(&own, f) ? -1 : 0;
}
