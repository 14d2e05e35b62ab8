// SPDX-License-Identifier: MIT
/*
 * A dry run of Decrypt for live clusters, with a configuration that is not in force. A KMS that is
 * another one, a principal that may not use the keys, and silence are found here, while the leases are
 * still renewed with the present configuration. See trial.h.
 */
#include "agent/trial.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/grant.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/newest_change.h"
#include "agent/rules/rules.h"
#include "lib/base/endpoint.h"
#include "lib/base/json.h"
#include "lib/kms/reach.h"

#define CLUSTERS_MAX 4	/* a question for each, at each of its endpoints */
#define SECONDS_MAX  30 /* of a question */

/* What decides which KMS is asked, and for which principal. */
static const size_t deciding[] = {
	offsetof(struct config, kms_endpoint),
	offsetof(struct config, ca_file),
	offsetof(struct config, proxy),
	offsetof(struct config, no_proxy),
	offsetof(struct config, proxy_credentials_file),
	offsetof(struct config, credentials_file),
	offsetof(struct config, profile),
	offsetof(struct config, worker),
};

/**
 * struct subject - a live cluster whose key is asked for; it may be gone when the answers come
 * @granted: an endpoint would give the key
 * @silence: of another endpoint; code "" for none
 */
struct subject {
	char volume_id[22];
	bool granted;
	struct fault silence;
};

/**
 * struct trial - of one configuration, or of one cluster's way to its KMS; the last answer frees it
 * @next: owned until @done gets it; of a cluster's way: empty
 * @done: NULL after trial_drop()
 * @way: in place of @done, for a cluster's way; NULL after a question that could not be asked
 * @waiting: questions without an answer yet
 * @wrong: the first answer that speaks against the configuration; code "" for none
 */
struct trial {
	struct agent *agent;
	struct config next;
	trial_done_t done;
	const struct trial_of_way *way;
	void *userdata;
	unsigned int waiting;
	struct subject subjects[CLUSTERS_MAX];
	size_t count;
	struct fault wrong;
};

struct question {
	struct trial *trial;
	struct subject *subject;
	json_object *request;
	char key_arn[ARN_MAX];
};

static const char *value(const struct config *config, size_t at)
{
	return *(char *const *)((const char *)config + deciding[at]);
}

/* Do calls go elsewhere, or are they another principal's? */
static bool differs(const struct config *old, const struct config *new)
{
	for (size_t i = 0; i < sizeof(deciding) / sizeof(*deciding); i++)
		if (strcmp(value(old, i), value(new, i)))
			return true;
	return false;
}

/* Would @next change the calls of a cluster? */
static bool changes_calls(const struct trial *trial, const struct reach *reach)
{
	struct config old = reach_config(&trial->agent->config, reach);
	struct config new = reach_config(&trial->next, reach);

	return differs(&old, &new);
}

/* Names the cluster, and what to do. */
static void refuse(struct fault *f, const struct trial *trial, const struct cluster *cluster,
		   const struct fault *why)
{
	if (trial->way) {
		fault_set(f, "InvalidParameterValue",
			  "With this profile and endpoint the key of the live cluster %s cannot be renewed, and the cluster keeps those that it has: %s: %.400s Correct --profile or --kms-endpoint. A stopped cluster takes them over without this question.",
			  cluster->id, why->code, why->message);
		return;
	}
	fault_set(f, "InvalidConfiguration",
		  "With this configuration the key of the live cluster %s cannot be renewed: %s: %.400s Correct KmsEndpoint=, Profile= or what else was changed. A restart of enveloped takes a configuration over without this question.",
		  cluster->id, why->code, why->message);
}

/* A live cluster of the trial; NULL when it is gone or its lease has ended. */
static struct cluster *whose(const struct trial *trial, const struct subject *subject)
{
	struct cluster *cluster = cluster_find_volume(trial->agent, subject->volume_id);

	return cluster && cluster->key ? cluster : NULL;
}

static void trial_free(struct trial *trial)
{
	config_free(&trial->next);
	free(trial);
}

static void finish(struct trial *trial)
{
	struct agent *agent = trial->agent;
	trial_done_t done = trial->done;
	struct fault f = trial->wrong;
	struct config next;

	if (!done && !trial->way) {
		trial_free(trial);
		return;
	}
	for (size_t i = 0; i < trial->count && !f.code[0]; i++) {
		const struct cluster *cluster = whose(trial, &trial->subjects[i]);

		if (cluster && !trial->subjects[i].granted)
			refuse(&f, trial, cluster, &trial->subjects[i].silence);
	}
	if (!done) {
		trial->way->done(trial->userdata, &f);
		trial_free(trial);
		return;
	}
	next = trial->next;
	free(trial);
	agent->trial = NULL;
	done(agent, &next, &f);
}

/* Does the answer speak for the configuration? @why: when it does not */
static bool speaks_for(const struct cluster *cluster, const struct kms_worker *worker,
		       enum kms_outcome outcome, const struct fault *f, struct fault *why)
{
	struct grant now = grant_answer(cluster, worker);

	*why = *f;
	if (outcome == KMS_DENIED)
		grant_judge(cluster, worker, f, why);
	return outcome == KMS_OK && rules_grant(&cluster->grant, &now, why) == 0 &&
	       !grant_is_older(cluster, worker, why);
}

static void question_free(struct question *question)
{
	json_object_put(question->request);
	free(question);
}

static void on_answer(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		      struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct question *question = userdata;
	struct trial *trial = question->trial;
	struct subject *subject = question->subject;
	const struct cluster *cluster = whose(trial, subject);
	struct fault why;

	secret_free(plaintext);
	audit_kms_call(trial->agent->audit, "Decrypt", question->request, question->key_arn, f);
	if (kms_is_silent(outcome, f->code))
		subject->silence = *f;
	else if (cluster && speaks_for(cluster, worker, outcome, f, &why))
		subject->granted = true;
	else if (cluster && !trial->wrong.code[0])
		refuse(&trial->wrong, trial, cluster, &why);
	question_free(question);
	if (!--trial->waiting)
		finish(trial);
}

/* The agent ends. The last question that is dropped frees the trial. */
static void drop_question(void *userdata)
{
	struct question *question = userdata;
	struct trial *trial = question->trial;

	question_free(question);
	if (--trial->waiting)
		return;
	if (trial->way)
		trial->way->drop(trial->userdata);
	trial_free(trial);
}

/* @config: of the cluster's calls, with one endpoint */
static int ask(struct trial *trial, struct subject *subject, const struct cluster *cluster,
	       const struct config *config, struct fault *f)
{
	struct question *question = calloc(1, sizeof(*question));
	struct kms_worker *worker;

	if (!question)
		return fault_set(f, "InternalFailure", "Out of memory.");
	question->trial = trial;
	question->subject = subject;
	question->request = kms_decrypt(cluster, cluster->wrapped_key, cluster->wrapped_key_size,
					cluster->header_sha256, true);
	memcpy(question->key_arn, cluster->key_arn, sizeof(question->key_arn));
	if (kms_worker_start(trial->agent->event, config, "Decrypt", question->request, on_answer,
			     question, &worker, f) == 0) {
		kms_worker_set_newest(worker, newest_change(trial->agent, cluster->grant.kms));
		kms_worker_on_drop(worker, drop_question);
		trial->waiting++;
		return 0;
	}
	question_free(question);
	return -1;
}

/* Asks at each endpoint of the cluster. @config: of its calls */
static int ask_for(struct trial *trial, const struct cluster *cluster, struct config config,
		   struct fault *f)
{
	const char *endpoints = config.kms_endpoint;
	struct subject *subject = &trial->subjects[trial->count++];
	int r = 0;

	memcpy(subject->volume_id, cluster->volume_id, sizeof(subject->volume_id));
	config.region = trial->agent->config.region; /* of the next start, if it was changed */
	if (config.kms_timeout_seconds > SECONDS_MAX)
		config.kms_timeout_seconds = SECONDS_MAX;
	for (size_t i = 0; r == 0 && (config.kms_endpoint = endpoint_at(endpoints, i)); i++) {
		r = ask(trial, subject, cluster, &config, f);
		free(config.kms_endpoint);
	}
	return r;
}

/* Is the key of @cluster asked about already, at the same place and as the same principal? */
static bool seen_before(const struct trial *trial, const struct cluster *cluster)
{
	for (size_t i = 0; i < trial->count; i++) {
		const struct cluster *other = whose(trial, &trial->subjects[i]);

		if (!strcmp(other->key_arn, cluster->key_arn) &&
		    !strcmp(other->reach.profile, cluster->reach.profile) &&
		    !strcmp(other->reach.endpoint, cluster->reach.endpoint))
			return true;
	}
	return false;
}

/**
 * trial_begin() - ask with a configuration that is about to be taken over
 * @next: taken over, unless 0 is returned
 * @done: gets the verdict. An endpoint that answers must give the key; one of them must answer.
 *
 * Only clusters with a lease are asked for, and only if their calls would change: a KMS that is silent
 * keeps nobody from a longer lease.
 *
 * Return: 1 if @done is going to be called, 0 if there is nothing to ask, -1 if the question cannot be
 * asked.
 */
int trial_begin(struct agent *agent, const struct config *next, trial_done_t done, struct fault *f)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	int r = 0;

	if (!trial)
		return fault_set(f, "InternalFailure", "Out of memory.");
	*trial = (struct trial){ .agent = agent, .next = *next, .done = done };
	for (struct cluster *c = agent->clusters; c && r == 0 && trial->count < CLUSTERS_MAX;
	     c = c->next)
		if (c->key && changes_calls(trial, &c->reach) && !seen_before(trial, c))
			r = ask_for(trial, c, reach_config(&trial->next, &c->reach), f);
	if (r == 0 && trial->waiting) {
		agent->trial = trial;
		return 1;
	}
	/* The answers to what was asked before the failure are of no use, and free the trial. */
	trial->done = NULL;
	if (r == 0)
		trial->next = (struct config){ 0 };
	if (!trial->waiting)
		trial_free(trial);
	return r;
}

/** trial_drop() - the answers no longer count: there is a newer configuration */
void trial_drop(struct agent *agent)
{
	if (agent->trial)
		agent->trial->done = NULL;
	agent->trial = NULL;
}

/**
 * trial_of_way() - ask with the profile and the endpoint that a live cluster is about to get
 * @way: gets the verdict: see trial_begin()
 *
 * Return: 1 if @way is going to be called, 0 if there is nothing to ask, -1 if the question cannot be
 * asked.
 */
int trial_of_way(const struct cluster *cluster, const struct reach *reach,
		 const struct trial_of_way *way, void *userdata, struct fault *f)
{
	struct agent *agent = cluster->agent;
	struct config old = reach_config(&agent->config, &cluster->reach);
	struct config new = reach_config(&agent->config, reach);
	struct trial *trial;
	int r;

	if (!cluster->key || !differs(&old, &new))
		return 0;
	if (new.no_calls)
		return kms_call_none(&new, f);
	trial = calloc(1, sizeof(*trial));
	if (!trial)
		return fault_set(f, "InternalFailure", "Out of memory.");
	*trial = (struct trial){ .agent = agent, .way = way, .userdata = userdata };
	r = ask_for(trial, cluster, new, f);
	if (r == 0 && trial->waiting)
		return 1;
	trial->way = NULL;
	if (!trial->waiting)
		trial_free(trial);
	return r;
}
