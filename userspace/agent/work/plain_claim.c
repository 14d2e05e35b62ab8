// SPDX-License-Identifier: MIT
/* Writes new stamps for a plain volume, which has no lease whose renewals would. See plain_claim.h. */
#include "agent/work/plain_claim.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/lease/held_key.h"
#include "agent/lease/lease.h"
#include "agent/work/ownership.h"
#include "lib/base/log.h"

/* A stamp is due when a quarter of the claim has passed: the timer looks eight times in a claim. */
#define LOOKS 8

static void wait_for(struct cluster *cluster, uint64_t ns);

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cluster *cluster = userdata;

	if (cluster->mapping.name[0] && !cluster->mapping.read_only)
		ownership_renew(cluster);
	wait_for(cluster, agent_claim_seconds(cluster->agent) * NS_PER_S / LOOKS);
	return 0;
}

static void wait_for(struct cluster *cluster, uint64_t ns)
{
	int r;

	cluster->renewal.timer = sd_event_source_disable_unref(cluster->renewal.timer);
	r = sd_event_add_time_relative(cluster->agent->event, &cluster->renewal.timer,
				       CLOCK_BOOTTIME, ns / 1000, 0, on_timer, cluster);
	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

/**
 * plain_claim_start() - write a new stamp from time to time, the first one soon
 * @cluster: plain, with a device. held_key_drop() ends it
 */
void plain_claim_start(struct cluster *cluster)
{
	held_key_stop_renewal(cluster);
	wait_for(cluster, 0);
}
