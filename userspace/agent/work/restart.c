// SPDX-License-Identifier: MIT
/*
 * Starts clusters again whose lease ended because nobody answered: neither the KMS nor a person has
 * decided that they end. Starts clusters, too, whose boot unit did not find the disk (disk_wait.c). The
 * reason in the catalog tells the next agent. Must never start a cluster that a person has stopped: a
 * stop changes the reason.
 *
 * A try is a start as a client asks for it. It fails while the KMS is silent and while the failed
 * device is in use, and then comes again. A stop ends it, and a start that a client has begun: the stop
 * waits for the step under way, and never for the KMS.
 */
#include "agent/work/restart.h"

#include <stdlib.h>
#include <string.h>

#include "agent/lease/lease.h"
#include "agent/rules/rules.h"
#include "agent/work/attach.h"
#include "agent/work/operation.h"
#include "agent/work/state.h"
#include "lib/base/log.h"

/**
 * struct restart_stop - a call that stops or deletes the cluster, and waits for the end of a start
 * @call, @params: of the client; owned
 * @then: the method
 */
struct restart_stop {
	struct varlink_call *call;
	json_object *params;
	restart_then_t then;
};

static struct restart_stop *take_stop(struct cluster *cluster)
{
	struct restart_stop *stop = cluster->restart.stop;

	cluster->restart.stop = NULL;
	return stop;
}

static void stop_free(struct restart_stop *stop)
{
	json_object_put(stop->params);
	free(stop);
}

/*
 * The start is over, and the stop has its turn. If a device holds the start up, the rules refuse the
 * stop: for how long it would wait nobody knows.
 */
static void start_passed(struct cluster *cluster)
{
	struct agent *agent = cluster->agent;
	struct restart_stop *stop = take_stop(cluster);

	if (!stop)
		return;
	stop->then(stop->call, stop->params, agent);
	stop_free(stop);
}

static bool is_start(const struct operation *op)
{
	return op && (op->kind == OPERATION_START || op->kind == OPERATION_ACTIVATE);
}

/**
 * restart_give_up() - a person stops or deletes the cluster: a start that is under way is the last, and
 *	ends as soon as it can
 * @then: the method that is called
 * @stays: a stop: it ends a client's start, too, and the agent makes no further try, whatever becomes
 *	of the call
 *
 * The client of the start gets StoppedMeanwhile, after which the boot unit does not try again.
 *
 * Return: true if the call waits for the end of the start, and is answered then.
 */
bool restart_give_up(struct cluster *cluster, struct varlink_call *call, json_object *params,
		     restart_then_t then, bool stays)
{
	struct operation *op = cluster->operation;
	struct fault f;

	if (!is_start(op) || (op->call && !stays))
		return false;
	cluster->restart.unwanted |= stays;
	if (op->late || cluster->restart.stop)
		return false;
	cluster->restart.stop = calloc(1, sizeof(*cluster->restart.stop));
	if (!cluster->restart.stop)
		return false;
	*cluster->restart.stop = (struct restart_stop){ .call = call,
							.params = json_object_get(params),
							.then = then };
	fault_set(&f, "StoppedMeanwhile",
		  "DbCluster %s was stopped before it had started. Nothing was opened.",
		  cluster->id);
	op->passed = start_passed;
	operation_end_early(op, &f);
	return true;
}

/** restart_abandon() - the agent ends: free a call that waits, no answer */
void restart_abandon(struct cluster *cluster)
{
	struct restart_stop *stop = take_stop(cluster);

	if (!stop)
		return;
	varlink_call_release(stop->call);
	stop_free(stop);
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
		op->passed = start_passed;
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

	if (cluster->restart.unwanted && !cluster->operation) {
		cluster->restart.unwanted = false;
		if (is_wanted(cluster))
			state_set_soon(cluster, CLUSTER_STOPPED, NULL, "%s", "");
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
