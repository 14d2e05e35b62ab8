// SPDX-License-Identifier: MIT
/*
 * Starts clusters again whose lease ended because nobody answered: neither the KMS nor a person has
 * decided that they end. Starts clusters, too, whose boot unit did not find the disk (disk_wait.c). The
 * reason in the catalog tells the next agent. Must never start a cluster that a person has stopped: a
 * stop changes the reason.
 *
 * A try is a start as a client asks for it. It fails while the KMS is silent and while the failed
 * device is in use, and then comes again.
 */
#include "agent/work/restart.h"

#include <string.h>

#include "agent/lease/lease.h"
#include "agent/rules/rules.h"
#include "agent/work/attach.h"
#include "agent/work/operation.h"
#include "agent/work/state.h"
#include "lib/base/log.h"

/** restart_give_up() - a person stops the cluster: a try that is under way is the last */
void restart_give_up(struct cluster *cluster)
{
	cluster->restart.unwanted |= cluster->operation && cluster->restart.trying;
}

static bool is_wanted(const struct cluster *cluster)
{
	return rules_restart(cluster, cluster->agent->config.restart_after_lease_end);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cluster *cluster = userdata;
	struct operation *op;
	struct fault f;

	cluster->restart.timer = sd_event_source_disable_unref(cluster->restart.timer);
	/* The end of the operation under way asks for another look, and so for another check. */
	if (cluster->operation || !is_wanted(cluster))
		return 0;
	op = operation_begin(cluster, OPERATION_START, NULL, NULL, &f);
	if (op) {
		op->job.at_boot = cluster->restart.at_boot;
		op->job.read_only_asked = cluster->restart.read_only;
		cluster->restart.trying = true;
		attach_begin(op);
	} else {
		restart_check(cluster);
	}
	return 0;
}

/* udev has an event for a disk that comes. Until then tries are rare: each try reads all disks. */
static uint64_t next_delay(struct cluster *cluster)
{
	uint64_t most = agent_renew_ns(cluster->agent);

	if (rules_waits_for_disk(cluster) && cluster->absent && cluster->agent->disk_monitor)
		return lease_renew_delay(most, lease_random());
	return lease_retry_delay(++cluster->restart.failures, most, UINT64_MAX, lease_random());
}

/**
 * restart_check() - set a timer for the next try, if the cluster is to be started again
 *
 * Must be called after each look at the devices: the end of a lease, the start of the agent, and the
 * end of an operation all lead to a look.
 */
void restart_check(struct cluster *cluster)
{
	uint64_t delay;
	int r;

	if (!cluster->operation)
		cluster->restart.trying = false;
	if (cluster->restart.unwanted && !cluster->operation) {
		cluster->restart.unwanted = false;
		if (is_wanted(cluster))
			state_set(cluster, CLUSTER_STOPPED, "%s", "");
	}
	if (!is_wanted(cluster)) {
		cluster->restart.timer = sd_event_source_disable_unref(cluster->restart.timer);
		cluster->restart.failures = 0;
		return;
	}
	if (cluster->restart.timer)
		return;
	delay = next_delay(cluster);
	r = sd_event_add_time_relative(cluster->agent->event, &cluster->restart.timer,
				       CLOCK_BOOTTIME, delay / 1000, 1000, on_timer, cluster);
	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

/** restart_disk_found() - the disk has come: the next try is near, however many have failed */
void restart_disk_found(struct cluster *cluster)
{
	if (!cluster->restart.timer)
		return;
	cluster->restart.timer = sd_event_source_disable_unref(cluster->restart.timer);
	cluster->restart.failures = 0;
	restart_check(cluster);
}
