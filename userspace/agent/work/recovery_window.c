// SPDX-License-Identifier: MIT
/*
 * Counts the time of recovery windows. The end of a window cannot be undone, so the wall clock has no
 * part in it: a clock that jumps forward would end all windows of the host. CLOCK_BOOTTIME counts, and
 * the catalog has what was spent in earlier boots.
 *
 * The time that a host is off, and up to a minute before it goes, is not counted: a window is never
 * shorter than configured.
 */
#include "agent/work/recovery_window.h"

#include <string.h>
#include <systemd/sd-id128.h>

#include "agent/catalog/denials.h"
#include "agent/lease/lease.h"
#include "agent/rules/rules.h"
#include "lib/base/log.h"

#define NOTE_NS (60 * NS_PER_S)

static bool boot_id(char text[33])
{
	sd_id128_t id;

	if (sd_id128_get_boot(&id) < 0)
		return false;
	sd_id128_to_string(id, text);
	return true;
}

static uint64_t spent(const struct cluster *cluster)
{
	uint64_t now = lease_now(), from = cluster->loss.counted_ns;

	return cluster->loss.spent_ns + (from && now > from ? now - from : 0);
}

/**
 * recovery_window_load() - read what an agent before this one has counted
 *
 * Of a final loss only the time of its last refusal counts, see denial_count.c, and only in its boot.
 */
void recovery_window_load(struct cluster *cluster)
{
	char then[33], now[33];
	bool same_boot;
	struct fault f;
	int r = denials_find(cluster->agent->catalog, cluster, then, &f);

	if (r < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	same_boot = r > 0 && boot_id(now) && !strcmp(then, now);
	if (same_boot && cluster->status == CLUSTER_INACCESSIBLE) {
		cluster->loss.refused_ns = cluster->loss.counted_ns;
		return;
	}
	/* An older agent may have left the row of a refusal that was undone. */
	if (r > 0 && cluster->status != CLUSTER_RECOVERABLE) {
		recovery_window_forget(cluster);
		return;
	}
	/* In another boot the clock has begun anew. */
	if (r > 0 && !same_boot)
		cluster->loss.counted_ns = lease_now();
}

/**
 * recovery_window_count() - the key is refused: count
 *
 * Return: whether the caller must have it saved, which is once a minute.
 */
bool recovery_window_count(struct cluster *cluster)
{
	uint64_t now = lease_now(), from = cluster->loss.counted_ns;

	if (from && now < from + NOTE_NS)
		return false;
	recovery_window_mark(cluster);
	return true;
}

/** recovery_window_mark() - count up to now: the caller saves the cluster with its last refusal */
void recovery_window_mark(struct cluster *cluster)
{
	cluster->loss.spent_ns = spent(cluster);
	cluster->loss.counted_ns = lease_now();
}

/** recovery_window_save() - write what is counted, or that no window is; 0 or -1 */
int recovery_window_save(const struct cluster *cluster, struct fault *f)
{
	struct catalog *catalog = cluster->agent->catalog;
	char boot[33];

	if (!cluster->loss.counted_ns)
		return denials_forget(catalog, cluster, f);
	return boot_id(boot) ? denials_record(catalog, cluster, boot, f) : 0;
}

/** recovery_window_open() - may the loss still be undone? */
bool recovery_window_open(const struct cluster *cluster)
{
	return rules_window_open(spent(cluster) / NS_PER_S,
				 cluster->agent->config.recovery_window_seconds);
}

/** recovery_window_next() - when an open window must be looked at, CLOCK_BOOTTIME */
uint64_t recovery_window_next(const struct cluster *cluster)
{
	uint64_t left = cluster->agent->config.recovery_window_seconds * NS_PER_S - spent(cluster);

	return lease_now() + (left < NOTE_NS ? left : NOTE_NS);
}

/**
 * recovery_window_forget() - the refusal is undone: a later one has a window of its own
 *
 * The caller saves the cluster: with its next status.
 */
void recovery_window_forget(struct cluster *cluster)
{
	cluster->loss.counted_ns = 0;
	cluster->loss.spent_ns = 0;
}
