// SPDX-License-Identifier: MIT
/*
 * Renews leases: a timer for each live cluster, a call to the KMS, and the new deadline in the
 * kernel. Only a definitive denial ends a lease here, through held_key_drop(). After any other
 * failure the agent tries again, until the kernel ends the lease at its deadline.
 *
 * After a restart all renewals are due at once. A process for each of a thousand calls would make all
 * calls time out while leases end. So the agent limits the calls under way, and renews the least
 * lease first.
 */
#include "agent/lease/renewal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/grant.h"
#include "agent/lease/held_key.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/rules/rules.h"
#include "agent/volume/device_events.h"
#include "agent/work/fencing.h"
#include "agent/work/key_loss.h"
#include "agent/work/kms_record.h"
#include "agent/work/loss_record.h"
#include "agent/work/ownership.h"
#include "lib/base/log.h"

/* Calls under way: more keep no processor busier. A KMS that does not answer holds each for a while. */
#define RENEWALS_AT_ONCE 64

/*
 * One call to the KMS. The cluster may be gone, or have another key, when the answer comes.
 * @denied: the KMS has denied, and the key is revoked.
 */
struct attempt {
	struct agent *agent;
	char volume_id[22];
	int32_t key;
	uint64_t asked_ns;
	bool denied;
};

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);
static void begin_soon(struct agent *agent);

static void schedule(struct cluster *cluster, uint64_t delay_ns)
{
	int r;

	cluster->renewal.next_ns = lease_now() + delay_ns;
	cluster->renewal.timer = sd_event_source_disable_unref(cluster->renewal.timer);
	/* An accuracy of 1 ms: the default of 250 ms would put the host's renewals in step. */
	r = sd_event_add_time(cluster->agent->event, &cluster->renewal.timer, CLOCK_BOOTTIME,
			      cluster->renewal.next_ns / 1000, 1000, on_timer, cluster);
	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

/*
 * Length of a lease. A key that was given to the kernel under a shorter LeaseSeconds= accepts no
 * longer lease than that.
 */
static uint64_t lease_length(const struct cluster *cluster)
{
	uint64_t configured = agent_lease_ns(cluster->agent);
	uint64_t accepted = cluster->mapping.lease_length * NS_PER_S;

	return accepted && accepted < configured ? accepted : configured;
}

static uint64_t interval(const struct cluster *cluster)
{
	uint64_t renew = agent_renew_ns(cluster->agent), lease = lease_length(cluster);

	return lease / 3 < renew ? lease / 3 : renew;
}

/* Notes the fault and tries again later. */
static void retry_quietly(struct cluster *cluster, const struct fault *f)
{
	uint64_t now = lease_now();
	uint64_t left = cluster->deadline_ns > now ? cluster->deadline_ns - now : 0;
	uint64_t delay = lease_retry_delay(++cluster->renewal.failures, interval(cluster), left,
					   lease_random());

	snprintf(cluster->renewal.last_error, sizeof(cluster->renewal.last_error), "%s: %.400s",
		 f->code, f->message);
	schedule(cluster, delay);
	device_events_changed(cluster->agent);
}

static void retry(struct cluster *cluster, const struct fault *f)
{
	retry_quietly(cluster, f);
	log_warning("Cluster %s: the lease was not renewed, %lld s of it are left: %s", cluster->id,
		    (long long)lease_seconds_left(cluster->deadline_ns, lease_now()),
		    cluster->renewal.last_error);
}

/* Moves the kernel's deadline, never beyond the end of this host's claim on the volume. */
static int extend(struct cluster *cluster, uint64_t asked_ns)
{
	uint64_t deadline = lease_deadline(asked_ns, lease_length(cluster));
	int r;

	if (cluster->claim_ns && cluster->claim_ns < deadline)
		deadline = cluster->claim_ns;
	r = keyring_renew(&cluster->agent->keyring, cluster->key, deadline);

	if (r == 0)
		cluster->deadline_ns = deadline;
	return r;
}

static void renewed(struct cluster *cluster, uint64_t asked_ns)
{
	int r = extend(cluster, asked_ns);
	struct fault f;

	if (r < 0 && r != -EKEYREVOKED && r != -EKEYEXPIRED && r != -ENOKEY) {
		fault_set(&f, "InternalFailure", "The kernel did not renew the key: %s.",
			  strerror(-r));
		retry(cluster, &f);
		return;
	}
	if (r < 0) {
		/* Most likely the device has failed meanwhile: its status has the reason. */
		snprintf(cluster->renewal.last_error, sizeof(cluster->renewal.last_error),
			 "The kernel did not renew the key: %s.", strerror(-r));
		log_warning("Cluster %s: key %d: %s", cluster->id, cluster->key,
			    cluster->renewal.last_error);
		device_events_refresh(cluster->agent);
		return;
	}
	cluster->renewal.failures = 0;
	cluster->renewal.last_error[0] = 0;
	cluster->renewal.last_success = time(NULL);
	loss_record_refute(cluster);
	ownership_renew(cluster);
	fencing_watch(cluster);
	schedule(cluster, lease_renew_delay(interval(cluster), lease_random()));
	device_events_changed(cluster->agent);
}

/* The attempt's cluster, if it still has the attempt's key. */
static struct cluster *whose(const struct attempt *attempt)
{
	struct cluster *cluster = cluster_find_volume(attempt->agent, attempt->volume_id);

	return cluster && (attempt->denied || cluster->key == attempt->key) ? cluster : NULL;
}

static void on_denied(void *userdata)
{
	struct attempt *attempt = userdata;
	struct cluster *cluster = whose(attempt);

	if (!cluster)
		return;
	held_key_drop(cluster);
	attempt->denied = true;
}

static void on_answer(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		      struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct attempt *attempt = userdata;
	struct cluster *cluster = whose(attempt);
	struct fault why;

	secret_free(plaintext);
	attempt->agent->renewals--;
	begin_soon(attempt->agent);
	if (cluster) {
		if (outcome == KMS_OK && !grant_note(cluster, worker, &why)) {
			retry(cluster, &why);
		} else if (outcome == KMS_OK) {
			renewed(cluster, attempt->asked_ns);
			if (!cluster->operation)
				kms_record_write(cluster);
		} else if (outcome == KMS_DENIED) {
			key_loss_denied(cluster, attempt->asked_ns, worker, f);
		} else {
			retry(cluster, f);
		}
	}
	free(attempt);
}

static void ask(struct cluster *cluster)
{
	struct attempt *attempt;
	struct fault f;

	/* The kernel has ended the lease; its event is on the way. */
	if (lease_now() >= cluster->deadline_ns) {
		device_events_refresh(cluster->agent);
		return;
	}
	/* A key added for a device that never came must not be renewed without end. */
	if (!cluster->mapping.name[0] && lease_now() >= cluster->awaits_device_ns)
		device_events_refresh(cluster->agent);
	/* Only a restart with another configuration can change the region: log this once. */
	if (rules_region(cluster->region, cluster->agent->config.region, &f) < 0) {
		if (cluster->renewal.failures)
			retry_quietly(cluster, &f);
		else
			retry(cluster, &f);
		return;
	}
	attempt = calloc(1, sizeof(*attempt));
	if (!attempt) {
		schedule(cluster, NS_PER_S);
		return;
	}
	attempt->agent = cluster->agent;
	memcpy(attempt->volume_id, cluster->volume_id, sizeof(attempt->volume_id));
	attempt->key = cluster->key;
	attempt->asked_ns = lease_now();
	cluster->renewal.next_ns = 0;
	if (kms_call_begin(cluster, "Decrypt",
			   kms_decrypt(cluster, cluster->wrapped_key, cluster->wrapped_key_size,
				       cluster->header_sha256, true),
			   cluster->key_arn, on_denied, on_answer, attempt, &f) < 0) {
		free(attempt);
		retry(cluster, &f);
		return;
	}
	cluster->agent->renewals++;
}

/* The cluster with the least lease left of those that are due. */
static struct cluster *most_urgent(const struct agent *agent)
{
	struct cluster *found = NULL;

	for (struct cluster *c = agent->clusters; c; c = c->next)
		if (c->renewal.due && (!found || c->deadline_ns < found->deadline_ns))
			found = c;
	return found;
}

/* One call a turn of the loop: the start of a process takes milliseconds. */
static int on_begin(sd_event_source *source, void *userdata)
{
	struct agent *agent = userdata;
	struct cluster *cluster = agent->renewals < RENEWALS_AT_ONCE ? most_urgent(agent) : NULL;

	agent->renew = sd_event_source_disable_unref(agent->renew);
	if (cluster) {
		cluster->renewal.due = false;
		ask(cluster);
		begin_soon(agent);
	}
	return 0;
}

/* After all timers that have run out: a later one may be the more urgent. */
static void begin_soon(struct agent *agent)
{
	int r;

	if (agent->renew)
		return;
	r = sd_event_add_defer(agent->event, &agent->renew, on_begin, agent);
	if (r >= 0)
		r = sd_event_source_set_priority(agent->renew, SD_EVENT_PRIORITY_NORMAL + 1);
	if (r < 0)
		log_error("Leases are renewed late, there is no event: %s", strerror(-r));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cluster *cluster = userdata;

	cluster->renewal.due = true;
	begin_soon(cluster->agent);
	return 0;
}

/**
 * renewal_start() - renew the lease of a cluster's kernel key from now on
 * @cluster: has a key
 * @deadline_ns: end of its present lease
 * @renewed_now: the KMS has just agreed; otherwise the KMS is called at once
 */
void renewal_start(struct cluster *cluster, uint64_t deadline_ns, bool renewed_now)
{
	held_key_stop_renewal(cluster);
	cluster->deadline_ns = deadline_ns;
	if (renewed_now)
		cluster->renewal.last_success = time(NULL);
	schedule(cluster, renewed_now ? lease_renew_delay(interval(cluster), lease_random()) : 0);
}
