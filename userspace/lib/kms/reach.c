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
 * @config: its files are judged by config_check_files()
 * @f: InvalidConfiguration; names the address, or the file and the profile
 *
 * Return: 0 or -1.
 */
int reach_check(const struct config *config, const struct reach *reach, struct fault *f)
{
	struct faults all = { .each = faults_quiet };

	if (reach_check_all(config, reach, &all) == 0)
		return 0;
	*f = all.first;
	return -1;
}

/** reach_check_all() - as reach_check(), for all faults; 0 or -1 */
int reach_check_all(const struct config *config, const struct reach *reach, struct faults *all)
{
	struct config own = reach_config(config, reach);
	unsigned int before = all->count;
	struct fault f;

	if (reach->endpoint[0] && config_check_endpoints(&own, &f))
		faults_add(all, &f);
	if (reach->profile[0] && config_check_credentials(&own, &f))
		faults_add(all, &f);
	return all->count > before ? -1 : 0;
}
