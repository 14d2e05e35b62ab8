// SPDX-License-Identifier: MIT
/*
 * The KMS has refused a cluster's key: access ends at once. The cluster is lost when the KMS refuses
 * a second time, at least a second later and over a new connection, and no recovery window is open. The
 * header on the disk must have the same key as the catalog: otherwise the catalog is damaged. A loss
 * that turns out to be one of many at once is taken back (hold_all()).
 * Must revoke the key before it writes anything.
 */
#include "agent/work/key_loss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/grant.h"
#include "agent/lease/held_key.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/rules/rules.h"
#include "agent/volume/device_events.h"
#include "agent/work/catalog_witness.h"
#include "agent/work/denial_count.h"
#include "agent/work/loss_record.h"
#include "agent/work/recovery_window.h"
#include "agent/work/state.h"
#include "lib/base/log.h"

/* From the first refusal to the second question, at least. */
#define SECOND_QUESTION_NS NS_PER_S

/* First word of the reason of a cluster whose key was refused with many others, also on the disk. */
#define MANY "many-denials"

/* First word of the reason of a loss that a person has confirmed. */
#define CONFIRMED "confirmed"

/* What to do, after what the KMS said: the words with which it begins in each reason that has it. */
#define NOT_FINAL " Not final yet: "
#define MISTAKE	  " If that is a mistake, "

/* A question about a refused key. The cluster may be gone when the answer comes. */
struct question {
	struct agent *agent;
	char volume_id[22];
	uint64_t asked_ns;
};

/* Was the key refused with many others? Then a person must confirm the loss. */
static bool is_held(const struct cluster *cluster)
{
	return cluster->status == CLUSTER_RECOVERABLE &&
	       !strncmp(cluster->reason, MANY ":", strlen(MANY ":"));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	key_loss_check(userdata);
	return 0;
}

static void arm(struct cluster *cluster, uint64_t at_ns)
{
	int r;

	cluster->loss.timer = sd_event_source_disable_unref(cluster->loss.timer);
	r = sd_event_add_time(cluster->agent->event, &cluster->loss.timer, CLOCK_BOOTTIME,
			      at_ns / 1000 + 1, 1000, on_timer, cluster);
	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

/* When the next question is due: after the window, a second after the refusal, or for a new try. */
static uint64_t due(const struct cluster *cluster)
{
	uint64_t at = cluster->loss.denied_ns + SECOND_QUESTION_NS;

	if (recovery_window_open(cluster))
		return recovery_window_next(cluster);
	return at > cluster->loss.again_ns ? at : cluster->loss.again_ns;
}

/* Silence is no answer: asks until there is one. */
static void ask_again(struct cluster *cluster, const struct fault *f)
{
	uint64_t delay = lease_retry_delay(++cluster->loss.failures, agent_renew_ns(cluster->agent),
					   UINT64_MAX, lease_random());

	snprintf(cluster->renewal.last_error, sizeof(cluster->renewal.last_error), "%s: %.400s",
		 f->code, f->message);
	if (cluster->loss.failures == 1)
		log_warning("Cluster %s: whether its key is lost stays open, the KMS is asked again: %s",
			    cluster->id, cluster->renewal.last_error);
	cluster->loss.again_ns = lease_now() + delay;
	device_events_changed(cluster->agent);
	key_loss_check(cluster);
}

static void stop_asking(struct cluster *cluster)
{
	cluster->loss.many = false;
	cluster->loss.denied_ns = 0;
	cluster->loss.again_ns = 0;
	cluster->loss.failures = 0;
	cluster->loss.timer = sd_event_source_disable_unref(cluster->loss.timer);
}

/* The first refusal was no last word. The device has failed, so the cluster is started again. */
static void given(struct cluster *cluster)
{
	const char *word = is_held(cluster) ? "given-again" : "refused-once";
	char refusal[256];

	snprintf(refusal, sizeof(refusal), "%.*s", (int)strcspn(cluster->reason, ":"),
		 cluster->reason);
	key_loss_undone(cluster);
	state_set_soon(cluster, CLUSTER_STOPPED, loss_record_write,
		       "%s: the KMS refused the key (%s), and gave it when it was asked again: start the cluster",
		       word, refusal);
}

static void on_answer(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		      struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct question *question = userdata;
	struct cluster *cluster = cluster_find_volume(question->agent, question->volume_id);
	struct fault why;

	secret_free(plaintext);
	if (cluster)
		cluster->loss.asking = false;
	/* The end of an operation asks anew: the operation may have had a later answer. */
	if (cluster && cluster->status == CLUSTER_RECOVERABLE && !cluster_is_occupied(cluster)) {
		if (outcome == KMS_OK && !grant_note(cluster, worker, &why)) {
			ask_again(cluster, &why);
		} else if (outcome == KMS_OK) {
			given(cluster);
		} else if (outcome == KMS_DENIED) {
			key_loss_denied(cluster, question->asked_ns, worker, f);
		} else {
			ask_again(cluster, f);
		}
	}
	free(question);
}

static void ask(struct cluster *cluster)
{
	struct question *question;
	struct fault f;

	if (rules_region(cluster->region, cluster->agent->config.region, &f) < 0) {
		ask_again(cluster, &f);
		return;
	}
	question = calloc(1, sizeof(*question));
	if (!question) {
		fault_set(&f, "InternalFailure", "Out of memory.");
		ask_again(cluster, &f);
		return;
	}
	question->agent = cluster->agent;
	memcpy(question->volume_id, cluster->volume_id, sizeof(question->volume_id));
	question->asked_ns = lease_now();
	if (kms_call_begin(cluster, "Decrypt",
			   kms_decrypt(cluster, cluster->wrapped_key, cluster->wrapped_key_size,
				       cluster->header_sha256, true),
			   cluster->key_arn, NULL, on_answer, question, &f) < 0) {
		free(question);
		ask_again(cluster, &f);
		return;
	}
	cluster->loss.asking = true;
}

/* Bytes of a reason that say what the KMS said, without what to do. */
static int said_bytes(const char *reason)
{
	const char *advice = strstr(reason, NOT_FINAL);

	if (!advice)
		advice = strstr(reason, MISTAKE);
	return (int)(advice ? (size_t)(advice - reason) : strlen(reason));
}

/*
 * The cluster stays recoverable until the KMS gives the key, or a person confirms the loss. The reason
 * names the way that saves the data first.
 */
static void hold(struct cluster *cluster, const char *refusal)
{
	char why[161];

	snprintf(why, sizeof(why), "%.*s", said_bytes(refusal), refusal);
	state_set_soon(cluster, CLUSTER_RECOVERABLE, loss_record_write,
		       MANY
		       ": the KMS refuses more than MaxDenials=%u keys at once (%s)." MISTAKE
		       "correct it: the agent asks on, and the cluster can be started when the KMS gives the key. To give the data up for good: envelope cluster confirm-loss --db-cluster-identifier %s",
		       cluster->agent->config.max_denials, why, cluster->id);
}

/* Has a person decided that the key is lost? */
static bool is_confirmed(const struct cluster *cluster)
{
	return !strncmp(cluster->reason, CONFIRMED ":", strlen(CONFIRMED ":"));
}

/* May a person or the KMS still decide? */
static bool is_open(const struct cluster *cluster)
{
	if (cluster->status == CLUSTER_INACCESSIBLE)
		return !is_confirmed(cluster);
	return cluster->status == CLUSTER_RECOVERABLE && !is_held(cluster);
}

/* An operation that was at work when many keys were refused has ended. */
static void apply_many(struct cluster *cluster)
{
	if (!cluster->loss.many || cluster->operation)
		return;
	cluster->loss.many = false;
	if (is_open(cluster))
		hold(cluster, cluster->reason);
}

/**
 * key_loss_check() - ask the KMS whether a refused key is lost, if that is due, or set a timer
 *
 * Must be called when the agent has loaded a cluster, and at the end of each operation: the KMS is
 * about to answer a start under way, and its answer counts. Takes a loss back that was one of many while
 * an operation was at work.
 */
void key_loss_check(struct cluster *cluster)
{
	uint64_t at;

	apply_many(cluster);
	if (cluster->status != CLUSTER_RECOVERABLE || cluster_is_occupied(cluster) ||
	    cluster->loss.asking)
		return;
	/* An agent before this one had the refusal, at an unknown time on this clock. */
	if (!cluster->loss.denied_ns)
		cluster->loss.denied_ns = lease_now();
	if (recovery_window_count(cluster))
		state_save_soon(cluster);
	at = due(cluster);
	if (at > lease_now())
		arm(cluster, at);
	else
		ask(cluster);
}

static void lose(struct cluster *cluster, const struct fault *f)
{
	stop_asking(cluster);
	state_set_soon(cluster, CLUSTER_INACCESSIBLE, loss_record_write, "%s: %s", f->code,
		       f->message);
}

/*
 * A refusal that says nothing about the key, such as that of another KMS: access has ended, and the
 * cluster can be started again. An earlier refusal is neither confirmed nor undone.
 */
static void no_verdict(struct cluster *cluster, const struct fault *why)
{
	if (cluster->status == CLUSTER_RECOVERABLE)
		ask_again(cluster, why);
	else
		state_set_soon(cluster, CLUSTER_STOPPED, NULL, "%s: %s", why->code, why->message);
}

/* Is a refusal the second one? @asked_ns: when the KMS was asked for it */
static bool confirms(const struct cluster *cluster, uint64_t asked_ns)
{
	return cluster->status == CLUSTER_RECOVERABLE && !recovery_window_open(cluster) &&
	       !is_held(cluster) && cluster->loss.denied_ns &&
	       asked_ns >= cluster->loss.denied_ns + SECOND_QUESTION_NS;
}

/*
 * Many keys are refused at once: no cluster is lost by that. The first of them may be lost already. That
 * was judged before the others could be counted, so the loss is taken back. An operation may put back
 * the status that it found, such as a deletion that fails: the loss is taken back when it has ended.
 */
static void hold_all(const struct agent *agent)
{
	for (struct cluster *c = agent->clusters; c; c = c->next) {
		if (!denial_count_is_recent(c))
			continue;
		if (c->operation && c->status != CLUSTER_RECOVERABLE) {
			c->loss.many = true;
		} else if (is_open(c)) {
			hold(c, c->reason);
			key_loss_check(c);
		}
	}
}

/* A refusal that is no last word: notes it, for the question that follows. */
static void refused(struct cluster *cluster, const struct fault *f)
{
	unsigned int window = cluster->agent->config.recovery_window_seconds;

	if (!cluster->denied_since)
		cluster->denied_since = time(NULL);
	if (recovery_window_count(cluster))
		state_save_soon(cluster);
	if (!cluster->loss.denied_ns)
		cluster->loss.denied_ns = lease_now();
	if (is_held(cluster)) {
		cluster->loss.again_ns = lease_now() + agent_renew_ns(cluster->agent);
		return;
	}
	state_set_soon(cluster, CLUSTER_RECOVERABLE, loss_record_write,
		       "%s: %.300s" NOT_FINAL
		       "the KMS is asked again %u s after the refusal, and a second refusal is final. To save the cluster, have the KMS give the key again before.",
		       f->code, f->message, window ? window : 1);
}

/* A refusal is the last word, unless the catalog had the KMS asked for another key. */
static void witnessed(struct cluster *cluster, const struct fault *refusal,
		      const struct fault *damage)
{
	cluster->loss.asking = false;
	/* The end of an operation asks anew, and so does a cluster that was held meanwhile. */
	if (cluster->status != CLUSTER_RECOVERABLE || cluster_is_occupied(cluster) ||
	    is_held(cluster)) {
		key_loss_check(cluster);
		return;
	}
	if (!damage->code[0]) {
		lose(cluster, refusal);
		return;
	}
	key_loss_undone(cluster);
	state_set_soon(cluster, CLUSTER_STOPPED, loss_record_write, "%s: %s", damage->code,
		       damage->message);
}

/* The header is read first. A start has compared it already. */
static void confirmed(struct cluster *cluster, const struct fault *f)
{
	if (cluster_is_occupied(cluster)) {
		lose(cluster, f);
		return;
	}
	cluster->loss.asking = true;
	catalog_witness(cluster, f, witnessed);
}

/**
 * key_loss_denied() - the KMS has definitely refused the cluster's key
 * @asked_ns: when it was asked, CLOCK_BOOTTIME
 * @worker: of the call, in its callback
 * @f: the KMS's fault
 *
 * When this returns, no I/O succeeds. The catalog is written before the disk, and many losses with one
 * sync. The loss is terminal when this refusal confirms an earlier one; otherwise the KMS is asked
 * again. While the KMS refuses many keys at once, no loss is terminal unless a person confirms it, and
 * the losses of those keys that were terminal already are taken back. The cluster is stopped if
 * another KMS than that of the last grant refuses, or if the refusal is for another principal: that is
 * no verdict.
 */
void key_loss_denied(struct cluster *cluster, uint64_t asked_ns, const struct kms_worker *worker,
		     const struct fault *f)
{
	struct fault why;

	held_key_drop(cluster);
	if (cluster->status == CLUSTER_INACCESSIBLE)
		return;
	if (!grant_judge(cluster, worker, f, &why)) {
		no_verdict(cluster, &why);
		return;
	}
	denial_count_note(cluster);
	if (denial_count_many(cluster->agent)) {
		refused(cluster, f);
		hold_all(cluster->agent);
	} else if (confirms(cluster, asked_ns)) {
		recovery_window_mark(cluster);
		confirmed(cluster, f);
	} else {
		refused(cluster, f);
	}
	key_loss_check(cluster);
}

/**
 * key_loss_confirm() - a person has confirmed the loss of a recoverable cluster: it is terminal
 * @reason: why, at most LOSS_REASON_MAX bytes; NULL or "" if the person gave none
 *
 * The status, the trail and the header keep the reason, and what the KMS said.
 */
void key_loss_confirm(struct cluster *cluster, const char *reason)
{
	bool given = reason && *reason;
	struct fault f;

	fault_set(&f, CONFIRMED, "An administrator confirmed the loss%s%.*s. (%.*s)",
		  given ? ": " : "", LOSS_REASON_MAX, given ? reason : "",
		  said_bytes(cluster->reason) < 230 ? said_bytes(cluster->reason) : 230,
		  cluster->reason);
	held_key_drop(cluster);
	lose(cluster, &f);
	state_flush(cluster->agent);
}

/** key_loss_undone() - the KMS has given the key again */
void key_loss_undone(struct cluster *cluster)
{
	cluster->denied_since = 0;
	recovery_window_forget(cluster);
	stop_asking(cluster);
}
