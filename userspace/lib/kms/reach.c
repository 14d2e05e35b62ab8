// SPDX-License-Identifier: MIT
/*
 * A cluster's own profile and endpoint: the judge of the configuration judges them, too. See reach.h.
 */
#include "lib/kms/reach.h"

#include <stdlib.h>

#include "lib/base/file_look.h"
#include "lib/base/text.h"
#include "lib/kms/config_check.h"

#define WAIT_MS 2000

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

/**
 * struct judgement - of one reach, in a thread
 * @config: a copy
 */
struct judgement {
	struct config config;
	struct reach reach;
	struct faults all;
};

static void judge(void *data)
{
	struct judgement *judgement = data;

	reach_check_all(&judgement->config, &judgement->reach, &judgement->all);
}

static void drop(void *data)
{
	struct judgement *judgement = data;

	config_free(&judgement->config);
	free(judgement);
}

/**
 * reach_check() - judge a cluster's profile and endpoint as those of the configuration
 * @config: its files are judged by config_check_files()
 * @f: InvalidConfiguration; names the address, or the file and the profile
 *
 * Waits for a file that does not answer no longer than a moment: that is a fault.
 *
 * Return: 0 or -1.
 */
int reach_check(const struct config *config, const struct reach *reach, struct fault *f)
{
	static const struct file_look_work work = { .run = judge, .drop = drop };
	struct judgement *judgement = calloc(1, sizeof(*judgement));
	_cleanup_text_ char *path = NULL;
	int r;

	if (!judgement || config_copy(config, &judgement->config) < 0) {
		free(judgement);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	judgement->reach = *reach;
	judgement->all.each = faults_quiet;
	if (!file_look_within(WAIT_MS, &work, judgement, &path))
		return fault_set(f, "InvalidConfiguration",
				 "%.400s does not answer. See which file system it is on.",
				 path ? path : "The file of the credentials");
	*f = judgement->all.first;
	r = judgement->all.count ? -1 : 0;
	drop(judgement);
	return r;
}
