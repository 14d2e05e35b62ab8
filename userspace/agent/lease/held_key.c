// SPDX-License-Identifier: MIT
/*
 * Drops the kernel key that the agent holds for a cluster. Each way to end a lease calls
 * held_key_drop(). The drop ends all access to the volume, so held_key_drop() must not wait for a
 * disk, a log or the KMS.
 */
#include "agent/lease/held_key.h"

#include <string.h>

#include "agent/lease/keyring.h"
#include "lib/base/log.h"

/**
 * held_key_stop_renewal() - stop the timer of the cluster's renewals
 *
 * renewal.c ignores the answer to a call that is under way, once the cluster's key has changed.
 */
void held_key_stop_renewal(struct cluster *cluster)
{
	cluster->renewal.timer = sd_event_source_disable_unref(cluster->renewal.timer);
	cluster->renewal.next_ns = 0;
	cluster->renewal.due = false;
	cluster->renewal.failures = 0;
}

/** held_key_drop() - revoke the cluster's kernel key, if it has one, and stop its lease */
void held_key_drop(struct cluster *cluster)
{
	int r;

	held_key_stop_renewal(cluster);
	if (cluster_is_plain(cluster))
		cluster->claim_ns = 0;
	if (!cluster->key)
		return;
	r = keyring_revoke(cluster->agent->keyring, cluster->key);
	if (r < 0)
		log_error("Cluster %s: cannot revoke key %d: %s. It ends with its lease.",
			  cluster->id, cluster->key, strerror(-r));
	cluster->key = 0;
	cluster->deadline_ns = 0;
	cluster->claim_ns = 0;
}
