// SPDX-License-Identifier: MIT
/*
 * Counts the distinct keys that the KMS has refused within a minute. One key is disabled on purpose;
 * many at once are more likely a slip: a changed policy, a role that was taken away.
 */
#include "agent/work/denial_count.h"

#include <string.h>

#include "agent/lease/lease.h"

#define MINUTE_NS (60 * NS_PER_S)

/** denial_count_note() - the KMS has refused the cluster's key, and that is a verdict */
void denial_count_note(struct cluster *cluster)
{
	cluster->loss.refused_ns = lease_now();
}

/** denial_count_is_recent() - was the cluster's key refused within the last minute? */
bool denial_count_is_recent(const struct cluster *cluster)
{
	return cluster->loss.refused_ns && lease_now() - cluster->loss.refused_ns < MINUTE_NS;
}

/** denial_count_many() - were more than MaxDenials= distinct keys refused within the last minute? */
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
