// SPDX-License-Identifier: MIT
/*
 * Ends a cluster after the KMS has refused its key. Access ends at once. The loss is permanent
 * unless a recovery window is open. device_verdict.c handles devices that the kernel has failed.
 *
 * Must revoke the key before it writes anything: a write may hang.
 */
#include "agent/work/key_loss.h"

#include <string.h>
#include <time.h>

#include "agent/lease/held_key.h"
#include "agent/rules/rules.h"
#include "agent/work/loss_record.h"
#include "agent/work/state.h"
#include "lib/base/log.h"

static int on_window(sd_event_source *source, uint64_t usec, void *userdata)
{
	key_loss_check_window(userdata);
	return 0;
}

static void arm_window(struct cluster *cluster)
{
	int64_t end = cluster->denied_since +
		      (int64_t)cluster->agent->config.recovery_window_seconds;
	int r;

	cluster->window_timer = sd_event_source_disable_unref(cluster->window_timer);
	r = sd_event_add_time(cluster->agent->event, &cluster->window_timer, CLOCK_REALTIME,
			      (uint64_t)end * 1000000, 0, on_window, cluster);
	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

/* @saved: called when the end of the window is saved */
static void end_window(struct cluster *cluster, void (*saved)(struct cluster *cluster))
{
	char reason[sizeof(cluster->reason)];

	/* The KMS is about to answer a start under way. The end of the start calls this again. */
	if (cluster->status != CLUSTER_RECOVERABLE || cluster->operation)
		return;
	if (rules_window_open(cluster->denied_since, cluster->agent->config.recovery_window_seconds,
			      time(NULL))) {
		arm_window(cluster);
		return;
	}
	memcpy(reason, cluster->reason, sizeof(reason));
	state_set_soon(cluster, CLUSTER_INACCESSIBLE, saved, "%s", reason);
}

/**
 * key_loss_end_window() - end a cluster's recovery window if it is over, or set a timer for its end
 *
 * The disk does not record the end.
 */
void key_loss_end_window(struct cluster *cluster)
{
	end_window(cluster, NULL);
}

/** key_loss_check_window() - key_loss_end_window(), with the record on the disk */
void key_loss_check_window(struct cluster *cluster)
{
	end_window(cluster, loss_record_write);
}

/**
 * key_loss_denied() - the KMS has definitely refused the cluster's key
 * @f: the KMS's fault
 *
 * When this returns, no I/O succeeds. The loss is terminal unless a recovery window is configured.
 */
void key_loss_denied(struct cluster *cluster, const struct fault *f)
{
	bool open;

	held_key_drop(cluster);
	if (cluster->status == CLUSTER_INACCESSIBLE)
		return;
	if (!cluster->denied_since)
		cluster->denied_since = time(NULL);
	open = rules_window_open(cluster->denied_since,
				 cluster->agent->config.recovery_window_seconds, time(NULL));
	/* The catalog is written before the disk, and many a loss with one sync. */
	state_set_soon(cluster, open ? CLUSTER_RECOVERABLE : CLUSTER_INACCESSIBLE,
		       loss_record_write, "%s: %s", f->code, f->message);
	key_loss_check_window(cluster);
}

/** key_loss_undone() - the KMS has given the key again within the recovery window */
void key_loss_undone(struct cluster *cluster)
{
	if (!cluster->denied_since)
		return;
	cluster->denied_since = 0;
	cluster->window_timer = sd_event_source_disable_unref(cluster->window_timer);
}
