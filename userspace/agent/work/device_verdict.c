// SPDX-License-Identifier: MIT
/*
 * Sets a cluster's state from the list of devices that the kernel reports. A live device of an
 * earlier agent is taken over. A cluster whose device has failed or is missing becomes stopped, and
 * its key is dropped. The KMS's refusals are in key_loss.c.
 */
#include "agent/work/device_verdict.h"

#include <stdlib.h>
#include <string.h>

#include "agent/lease/held_key.h"
#include "agent/lease/keyring.h"
#include "agent/lease/lease.h"
#include "agent/lease/renewal.h"
#include "agent/work/fencing.h"
#include "agent/work/length.h"
#include "agent/work/plain_claim.h"
#include "agent/work/restart.h"
#include "agent/work/state.h"
#include "dm-envelope.h"
#include "lib/base/log.h"

#define START_AGAIN \
	"Unless the agent starts it (RestartAfterLeaseEnd=): envelope cluster start --db-cluster-identifier %s"

static const struct {
	const char *reason;
	const char *text;
} kernel_reasons[] = {
	{ ENVELOPE_REASON_REVOKED, "the kernel key was revoked on this host" },
	{ ENVELOPE_REASON_INVALIDATED, "the kernel key was invalidated on this host" },
	{ ENVELOPE_REASON_TIMEOUT, "the kernel key had a timeout set on this host" },
	{ ENVELOPE_REASON_UNLINKED, "the kernel key was unlinked on this host" },
	{ ENVELOPE_REASON_MESSAGE, "the device was failed by a dmsetup message" },
	{ ENVELOPE_REASON_COPIED, "this virtual machine was restored from a copy" },
	{ ENVELOPE_REASON_HIBERNATION, "the machine hibernated" },
	{ ENVELOPE_REASON_STOPS, "the machine is about to stop" },
};

/* What is to be done about the last error of the renewals; its code is the text's first word. */
static const struct {
	const char *code;
	const char *text;
	const char *to_do;
} silences[] = {
	{ "KMSUnreachable:", "the KMS could not be reached in time",
	  "Check KmsEndpoint=, Proxy= and the network (envelope check)." },
	{ "CredentialsUnavailable:", "there were no credentials for the KMS in time",
	  "Check CredentialsFile=, Profile= and what they name (envelope check)." },
	{ "", "the KMS did not renew the lease in time", "Correct that (envelope check)." },
};

static bool starts_with(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word));
}

/* @held: this agent had the key, and was there to renew its lease */
static void set_lease_expired(struct cluster *cluster, bool held)
{
	const char *error = cluster->renewal.last_error;
	size_t i = 0;

	if (!error[0] && held) {
		state_set_soon(cluster, CLUSTER_STOPPED, NULL,
			       ENVELOPE_REASON_LEASE
			       ": the lease ended before the KMS had answered. This host was suspended or too busy, or the KMS is slow. " START_AGAIN,
			       cluster->id);
		return;
	}
	if (!error[0]) {
		state_set_soon(cluster, CLUSTER_STOPPED, NULL,
			       ENVELOPE_REASON_LEASE
			       ": enveloped was not there to renew the lease. " START_AGAIN,
			       cluster->id);
		return;
	}
	while (!starts_with(error, silences[i].code))
		i++;
	state_set_soon(cluster, CLUSTER_STOPPED, NULL,
		       ENVELOPE_REASON_LEASE ": %s (%.180s). %s " START_AGAIN, silences[i].text,
		       error, silences[i].to_do, cluster->id);
}

/**
 * device_failed() - the kernel has failed the device of a running cluster
 * @kernel_reason: the kernel's word for the reason
 *
 * None of the kernel's words means that the KMS refused the key. The cluster therefore becomes
 * stopped, and can be started again.
 */
static void device_failed(struct cluster *cluster, const char *kernel_reason)
{
	const char *text = "the kernel failed the device";
	bool held = cluster->key;

	held_key_drop(cluster);
	if (!strcmp(kernel_reason, ENVELOPE_REASON_LEASE)) {
		set_lease_expired(cluster, held);
		return;
	}
	for (size_t i = 0; i < sizeof(kernel_reasons) / sizeof(*kernel_reasons); i++)
		if (!strcmp(kernel_reasons[i].reason, kernel_reason))
			text = kernel_reasons[i].text;
	state_set_soon(cluster, CLUSTER_STOPPED, NULL, "%s: %s", kernel_reason, text);
}

/** device_gone() - a running cluster has no device any more */
static void device_gone(struct cluster *cluster)
{
	held_key_drop(cluster);
	state_set_soon(cluster, CLUSTER_STOPPED, NULL,
		       "device-removed: there is no device; the host was restarted or somebody removed it");
}

/* Stores the volume's device. If several were made by hand, stores a live one. */
static void note(struct cluster *cluster, const struct mapping *mappings, size_t count)
{
	uint64_t length = cluster->mapping.lease_length;
	const struct mapping *found = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct mapping *m = &mappings[i];

		if (!strcmp(m->volume_id, cluster->volume_id) &&
		    m->plain == cluster_is_plain(cluster) && (!found || (m->live && !found->live)))
			found = m;
	}
	cluster->mapping = found ? *found : (struct mapping){ 0 };
	if (found && found->live && length_seen(cluster, found->sectors))
		state_save_soon(cluster);
	/*
	 * A module that was loaded before an upgrade reports no length of the lease. The kernel
	 * accepts at least the rest of the present lease.
	 */
	if (found && !found->lease_length)
		cluster->mapping.lease_length = length ? length : (uint64_t)found->lease_left;
}

/* A plain device lives without a key. What the agent has to renew is the claim on the disk. */
static void take_over_plain(struct cluster *cluster)
{
	if (cluster->renewal.timer)
		return;
	if (cluster->status != CLUSTER_AVAILABLE)
		state_set_soon(cluster, CLUSTER_AVAILABLE, NULL, "%s", "");
	plain_claim_start(cluster);
	fencing_watch(cluster);
}

/* Takes over a live device of an earlier agent, or one that was made by hand. */
static void take_over(struct cluster *cluster)
{
	char description[64];

	if (cluster_is_plain(cluster)) {
		take_over_plain(cluster);
		return;
	}
	cluster_key_description(cluster, description);
	cluster->key = keyring_find(cluster->agent->keyring, description);
	if (!cluster->key) {
		if (!cluster->keyless)
			log_error("Cluster %s: its device is live, but its key is not in the keyring: it ends with its lease.",
				  cluster->id);
		cluster->keyless = true;
		return;
	}
	cluster->keyless = false;
	if (cluster->status == CLUSTER_INACCESSIBLE || cluster->status == CLUSTER_RECOVERABLE) {
		log_error("Cluster %s: lost its key, but its device is live: revoking.",
			  cluster->id);
		held_key_drop(cluster);
		return;
	}
	log_info("Cluster %s: taking over its live device %s, %lld s of the lease left.",
		 cluster->id, cluster->mapping.name, (long long)cluster->mapping.lease_left);
	if (cluster->status != CLUSTER_AVAILABLE)
		state_set_soon(cluster, CLUSTER_AVAILABLE, NULL, "%s", "");
	/* The kernel rounds up to whole seconds, so the real deadline may be a second earlier. */
	renewal_start(cluster, lease_now() + (uint64_t)cluster->mapping.lease_left * NS_PER_S,
		      false);
	/* Another host may have taken the disk while there was no agent. */
	fencing_watch(cluster);
}

static void judge(struct cluster *cluster)
{
	const struct mapping *mapping = &cluster->mapping;

	/*
	 * An earlier agent was killed in a creation or a deletion. resume.c resumes or undoes it.
	 */
	if (cluster_is_in_between(cluster))
		return;
	if (mapping->name[0] && mapping->live) {
		cluster->awaits_device_ns = 0;
		if (!cluster->key)
			take_over(cluster);
		return;
	}
	if (cluster->status != CLUSTER_AVAILABLE)
		return;
	if (mapping->name[0])
		device_failed(cluster, mapping->reason);
	else if (lease_now() >= cluster->awaits_device_ns)
		device_gone(cluster);
}

/**
 * device_verdict_seen() - judge a cluster after a look at all devices
 * @mappings, @count: all devices
 */
void device_verdict_seen(struct cluster *cluster, const struct mapping *mappings, size_t count)
{
	note(cluster, mappings, count);
	/*
	 * An operation under way changes the device itself, and asks for another look at its end.
	 */
	if (cluster_is_occupied(cluster))
		return;
	judge(cluster);
	restart_check(cluster);
}

/**
 * device_verdict_found() - judge a cluster that was found on a disk just now
 * @mappings, @count: all devices, looked at after the disk
 *
 * Must run in the same turn of the event loop in which the cluster becomes known. If a client
 * started the cluster before the agent takes over its live device, the start would revoke the
 * device's key. A deletion would erase the header below the live device.
 */
void device_verdict_found(struct cluster *cluster, const struct mapping *mappings, size_t count)
{
	note(cluster, mappings, count);
	judge(cluster);
}
