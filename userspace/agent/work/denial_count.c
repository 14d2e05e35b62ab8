// SPDX-License-Identifier: MIT
/*
 * Counts the distinct keys that the KMS has refused at once. One key is disabled on purpose; many at
 * once are more likely a slip: a changed policy, a role that was taken away.
 *
 * A slip refuses all keys in one moment, but the agent notices each refusal only when it renews the
 * key. So refusals count together for as long as one round of renewals takes, and at least a minute.
 */
#include "agent/work/denial_count.h"

#include <string.h>

#include "agent/lease/lease.h"
#include "lib/base/endpoint.h"

#define LEAST_NS (60 * NS_PER_S)

/**
 * denial_count_window() - for how long refusals count together, in nanoseconds
 *
 * A renewal comes after at most 110 % of the interval (lease_renew_delay()). Its call and that of the
 * second question, a second later, may wait for each endpoint.
 */
uint64_t denial_count_window(const struct config *config)
{
	uint64_t call = (uint64_t)config->kms_timeout_seconds *
			endpoint_count(config->kms_endpoint);
	uint64_t renewal = config->renew_seconds * NS_PER_S;
	uint64_t round = renewal + renewal / 10 + (1 + 2 * call) * NS_PER_S;

	return round > LEAST_NS ? round : LEAST_NS;
}

/** denial_count_note() - the KMS has refused the cluster's key, and that is a verdict */
void denial_count_note(struct cluster *cluster)
{
	cluster->loss.refused_ns = lease_now();
}

/** denial_count_is_recent() - does the last refusal of the cluster's key still count? */
bool denial_count_is_recent(const struct cluster *cluster)
{
	uint64_t window = denial_count_window(&cluster->agent->config);

	return cluster->loss.refused_ns && lease_now() - cluster->loss.refused_ns < window;
}

/** denial_count_many() - does the KMS refuse more than MaxDenials= distinct keys at once? */
bool denial_count_many(const struct agent *agent)
{
	const char *keys[CONFIG_DENIALS_MAX + 1];
	size_t count = 0, i;

	for (const struct cluster *c = agent->clusters; c; c = c->next) {
		if (!denial_count_is_recent(c))
			continue;
		for (i = 0; i < count && strcmp(keys[i], c->key_arn); i++)
			;
		if (i < count)
			continue;
		if (count == agent->config.max_denials)
			return true;
		keys[count++] = c->key_arn;
	}
	return false;
}
