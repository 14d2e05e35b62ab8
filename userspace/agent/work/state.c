// SPDX-License-Identifier: MIT
/*
 * Changes of status. Must take the key away before it does anything else when the
 * KMS has refused: writing comes second.
 */
#include "agent/work/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "dm-envelope.h"
#include "agent/lease/keyring.h"
#include "agent/lease/lease.h"
#include "lib/base/log.h"
#include "agent/lease/renewal.h"
#include "agent/rules/rules.h"
#include "agent/volume/device_events.h"

/* Seconds until a loss that the catalog did not take is written again. */
#define STORE_AGAIN_S 5

/** state_announce() - tell the service manager how many clusters there are, and how many run */
void state_announce(const struct agent *agent)
{
	unsigned int count = 0, available = 0;

	for (const struct cluster *c = agent->clusters; c; c = c->next) {
		count++;
		available += c->status == CLUSTER_AVAILABLE;
	}
	sd_notifyf(0, "STATUS=Serving %u clusters, %u of them available.", count, available);
}

static int store(struct cluster *cluster);

static int on_store(sd_event_source *source, uint64_t usec, void *userdata)
{
	store(userdata);
	return 0;
}

/*
 * A loss must get into the catalog: what the disk says of one that the catalog does not know is
 * doubted by the agent that starts next.
 */
static void store_again(struct cluster *cluster)
{
	int r = sd_event_add_time_relative(cluster->agent->event, &cluster->store_timer,
					   CLOCK_BOOTTIME, STORE_AGAIN_S * 1000000ULL, 0, on_store,
					   cluster);

	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

static int store(struct cluster *cluster)
{
	struct fault f;
	int r = catalog_store(cluster->agent->catalog, cluster, &f);

	cluster->store_timer = sd_event_source_disable_unref(cluster->store_timer);
	if (r < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	if (r < 0 && cluster_is_inaccessible(cluster))
		store_again(cluster);
	return r;
}

/**
 * state_set() - give a cluster a status
 * @format: printf format of the reason; "" for none
 *
 * It is in the catalog and in the audit trail when this returns.
 *
 * Return: 0, or -1 when the catalog did not take it: the next agent will not know.
 */
int state_set(struct cluster *cluster, enum cluster_status status, const char *format, ...)
{
	enum cluster_status before = cluster->status;
	va_list args;
	int stored;

	cluster->status = status;
	va_start(args, format);
	vsnprintf(cluster->reason, sizeof(cluster->reason), format, args);
	va_end(args);
	stored = store(cluster);
	audit_status(cluster->agent->audit, cluster, before);
	log_info("Cluster %s: %s%s%s", cluster->id, cluster_status_name(status),
		 cluster->reason[0] ? ", " : "", cluster->reason);
	state_announce(cluster->agent);
	device_events_changed(cluster->agent);
	return stored;
}

/**
 * state_resumed() - record the end of a creation or deletion that an agent before this one began
 * @format: printf format of what became of it
 *
 * Nobody was answered, so this is all that the trail says of its end. The catalog is to forget
 * the cluster.
 */
void state_resumed(struct cluster *cluster, const char *format, ...)
{
	enum cluster_status before = cluster->status;
	va_list args;

	cluster->status = CLUSTER_DELETING;
	va_start(args, format);
	vsnprintf(cluster->reason, sizeof(cluster->reason), format, args);
	va_end(args);
	audit_status(cluster->agent->audit, cluster, before);
	log_warning("Cluster %s: %s", cluster->id, cluster->reason);
}

/** state_drop_key() - revoke the cluster's kernel key, if it has one, and stop its lease */
void state_drop_key(struct cluster *cluster)
{
	int r;

	renewal_stop(cluster);
	if (!cluster->key)
		return;
	r = keyring_revoke(cluster->agent->keyring, cluster->key);
	if (r < 0)
		log_error("Cluster %s: cannot revoke key %d: %s. It ends with its lease.",
			  cluster->id, cluster->key, strerror(-r));
	cluster->key = 0;
	cluster->deadline_ns = 0;
}

/* ---- the record on the disk itself ---- */

struct record_job {
	char device[256];
	char volume_id[22];
	char id[CLUSTER_ID_MAX + 1];
	char state[64];
	char reason[512];
	struct fault fault;
	int result;
};

static void record_run(void *data)
{
	struct record_job *job = data;

	job->result = header_set_state(job->device, job->volume_id,
				       job->state[0] ? job->state : NULL, job->reason, &job->fault);
}

static void record_done(void *data)
{
	struct record_job *job = data;

	if (job->result < 0)
		log_error("Cluster %s: cannot record its state in the header on %s: %s. Tried again when enveloped starts.",
			  job->id, job->device, job->fault.message);
	free(job);
}

/**
 * state_record_on_disk() - bring the header's state token in line with the cluster
 *
 * Only what must survive a lost catalog is recorded: that the key is lost. Done in the
 * background; a failure is logged, and mended when the agent starts next.
 */
void state_record_on_disk(struct cluster *cluster)
{
	struct record_job *job = calloc(1, sizeof(*job));

	if (!job) {
		log_error("Out of memory.");
		return;
	}
	snprintf(job->device, sizeof(job->device), "%s", cluster->device);
	memcpy(job->volume_id, cluster->volume_id, sizeof(job->volume_id));
	snprintf(job->id, sizeof(job->id), "%s", cluster->id);
	if (cluster_is_inaccessible(cluster)) {
		snprintf(job->state, sizeof(job->state), "%s", cluster_status_name(cluster->status));
		snprintf(job->reason, sizeof(job->reason), "%s", cluster->reason);
	}
	device_thread_submit(cluster->agent->devices, record_run, record_done, job);
}

/**
 * state_doubts_disk() - does the header tell of a loss for ever that the catalog does not know of?
 *
 * Whoever can write to the disk can write that: it is in no hash. The agent writes its catalog
 * first, so it did not write this, unless the catalog took nothing from the denial to that agent's
 * end. It is left there, in case the catalog is lost, until the KMS has been asked for the key,
 * which it is for any start and renewal: that refuses the key, or state_refute_disk() follows.
 */
bool state_doubts_disk(struct cluster *cluster, const struct volume_header *header)
{
	cluster->disk_doubted = !cluster_is_inaccessible(cluster) &&
				!strcmp(header->state, cluster_status_name(CLUSTER_INACCESSIBLE));
	if (cluster->disk_doubted)
		log_warning("Cluster %s: the header on %s says that its key is lost, of which the catalog knows nothing: that is for the KMS to say.",
			    cluster->id, cluster->device);
	return cluster->disk_doubted;
}

/** state_refute_disk() - the KMS has given the key: if the disk was doubted, mend and record that */
bool state_refute_disk(struct cluster *cluster)
{
	if (!cluster->disk_doubted)
		return false;
	cluster->disk_doubted = false;
	state_set(cluster, cluster->status,
		  "header-refuted: the header on %s said that the key was lost, but the KMS gives it",
		  cluster->device);
	state_record_on_disk(cluster);
	return true;
}

/* ---- losing the key ---- */

static int on_window(sd_event_source *source, uint64_t usec, void *userdata)
{
	state_check_window(userdata);
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

/**
 * state_end_window() - end a cluster's recovery window when it is over; else wait for that
 *
 * Return: true when it has ended now, which the disk has not been told yet.
 */
bool state_end_window(struct cluster *cluster)
{
	char reason[sizeof(cluster->reason)];

	/* A start under way has the KMS's word soon, which counts. At its end this is asked again. */
	if (cluster->status != CLUSTER_RECOVERABLE || cluster->operation)
		return false;
	if (rules_window_open(cluster->denied_since, cluster->agent->config.recovery_window_seconds,
			      time(NULL))) {
		arm_window(cluster);
		return false;
	}
	memcpy(reason, cluster->reason, sizeof(reason));
	state_set(cluster, CLUSTER_INACCESSIBLE, "%s", reason);
	return true;
}

/** state_check_window() - state_end_window(), and the disk is told */
void state_check_window(struct cluster *cluster)
{
	if (state_end_window(cluster))
		state_record_on_disk(cluster);
}

/**
 * state_denied() - the KMS has definitely refused the cluster's key
 * @f: the KMS's words
 *
 * When this returns no I/O succeeds any more. Terminal, unless a recovery window is
 * configured.
 */
void state_denied(struct cluster *cluster, const struct fault *f)
{
	bool open;

	state_drop_key(cluster);
	if (cluster->status == CLUSTER_INACCESSIBLE)
		return;
	if (!cluster->denied_since)
		cluster->denied_since = time(NULL);
	open = rules_window_open(cluster->denied_since,
				 cluster->agent->config.recovery_window_seconds, time(NULL));
	state_set(cluster, open ? CLUSTER_RECOVERABLE : CLUSTER_INACCESSIBLE, "%s: %s", f->code,
		  f->message);
	state_record_on_disk(cluster);
	state_check_window(cluster);
}

/** state_accessible() - the KMS has given the key again within the recovery window */
void state_accessible(struct cluster *cluster)
{
	if (!cluster->denied_since)
		return;
	cluster->denied_since = 0;
	cluster->window_timer = sd_event_source_disable_unref(cluster->window_timer);
}

/* ---- losing the device ---- */

static const struct {
	const char *reason;
	const char *text;
} kernel_reasons[] = {
	{ ENVELOPE_REASON_REVOKED, "the kernel key was revoked on this host" },
	{ ENVELOPE_REASON_INVALIDATED, "the kernel key was invalidated on this host" },
	{ ENVELOPE_REASON_TIMEOUT, "the kernel key had a timeout set on this host" },
	{ ENVELOPE_REASON_UNLINKED, "the kernel key was unlinked on this host" },
	{ ENVELOPE_REASON_MESSAGE, "the device was failed by a dmsetup message" },
};

static void set_lease_expired(struct cluster *cluster)
{
	if (cluster->renewal.last_error[0])
		state_set(cluster, CLUSTER_STOPPED,
			  ENVELOPE_REASON_LEASE ": the KMS could not be reached in time (%s)",
			  cluster->renewal.last_error);
	else
		state_set(cluster, CLUSTER_STOPPED,
			  ENVELOPE_REASON_LEASE ": enveloped was not there to renew the lease");
}

/**
 * state_device_failed() - the kernel has failed the device of a running cluster
 * @kernel_reason: its word. None of them means that the KMS refused, so the cluster can be
 *	started again.
 */
void state_device_failed(struct cluster *cluster, const char *kernel_reason)
{
	const char *text = "the kernel failed the device";

	state_drop_key(cluster);
	if (!strcmp(kernel_reason, ENVELOPE_REASON_LEASE)) {
		set_lease_expired(cluster);
		return;
	}
	for (size_t i = 0; i < sizeof(kernel_reasons) / sizeof(*kernel_reasons); i++)
		if (!strcmp(kernel_reasons[i].reason, kernel_reason))
			text = kernel_reasons[i].text;
	state_set(cluster, CLUSTER_STOPPED, "%s: %s", kernel_reason, text);
}

/** state_device_gone() - a running cluster has no device any more */
void state_device_gone(struct cluster *cluster)
{
	state_drop_key(cluster);
	state_set(cluster, CLUSTER_STOPPED,
		  "device-removed: there is no device; the host was restarted or somebody removed it");
}
