// SPDX-License-Identifier: MIT
/* SIGHUP: read the configuration anew, check it, ask its KMS, and take it over or refuse it. */
#include "agent/reload.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/last_good.h"
#include "agent/lease/renewal.h"
#include "agent/trial.h"
#include "agent/volume/device_events.h"
#include "agent/volume/device_thread.h"
#include "agent/work/state.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/notify_reload.h"
#include "lib/kms/config_check.h"
#include "lib/kms/reach.h"

/* Keys whose value is in open files and in records that have been begun. */
static const struct {
	const char *key;
	size_t offset; /* in struct config */
} fixed[] = {
	{ "Region", offsetof(struct config, region) },
	{ "AccountId", offsetof(struct config, account_id) },
	{ "StateDirectory", offsetof(struct config, state_directory) },
	{ "AgentSocket", offsetof(struct config, agent_socket) },
	{ "AuditFile", offsetof(struct config, audit_file) },
	{ "ReadOnlyGroup", offsetof(struct config, read_only_group) },
};

/* Gives @next the present values of the fixed keys. Return: the keys that differed, an array. */
static json_object *keep_fixed(struct config *present, struct config *next)
{
	json_object *kept = json_object_new_array();

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		char **old = (char **)((char *)present + fixed[i].offset);
		char **new = (char **)((char *)next + fixed[i].offset), *swap = *new;

		if (!strcmp(*old, *new))
			continue;
		log_warning("%s=%s takes effect at the next restart of the agent. Until then it is %s.",
			    fixed[i].key, *new, *old);
		json_object_array_add(kept, json_object_new_string(fixed[i].key));
		*new = *old;
		*old = swap;
	}
	return kept;
}

/* A shorter interval counts from now on: the timers were set by the longer one. */
static void renew_earlier(struct agent *agent)
{
	for (struct cluster *c = agent->clusters; c; c = c->next)
		if (c->key && c->renewal.timer)
			renewal_start(c, c->deadline_ns, false);
}

/* Names the cluster in the fault. */
static int check_cluster(const struct config *config, const struct cluster *cluster,
			 struct fault *f)
{
	struct fault wrong = { 0 };

	if (reach_check(config, &cluster->reach, &wrong) == 0)
		return 0;
	return fault_set(f, wrong.code,
			 "The cluster %s has a profile or an endpoint of its own: %.400s Correct that, or go back to the configuration's: envelope cluster modify --db-cluster-identifier %s --profile '' --kms-endpoint ''",
			 cluster->id, wrong.message, cluster->id);
}

/* Would each cluster with a profile or an endpoint of its own still have a way to its KMS? */
static int check_clusters(const struct agent *agent, const struct config *next, struct fault *f)
{
	for (const struct cluster *c = agent->clusters; c; c = c->next)
		if (check_cluster(next, c, f) < 0)
			return -1;
	return 0;
}

static int load(const struct agent *agent, struct config *next, struct fault *f)
{
	if (config_check_load(agent->config_path, next, f) < 0)
		return -1;
	if (check_clusters(agent, next, f) == 0)
		return 0;
	config_free(next);
	return -1;
}

static void take_over(struct agent *agent, struct config *next)
{
	bool earlier = next->renew_seconds < agent->config.renew_seconds;
	json_object *details = json_object_new_object();

	json_add_object(details, "keptUntilRestart", keep_fixed(&agent->config, next));
	config_free(&agent->config);
	agent->config = *next;
	device_thread_limit(agent->devices, agent->config.device_timeout_seconds);
	if (earlier)
		renew_earlier(agent);
	device_events_refresh(agent); /* RestartAfterLeaseEnd= may have changed */
	audit_service_event(agent->audit, "ConfigurationReload", details, NULL);
	log_info("The configuration has been read again; leases of %u s, renewed every %u s.",
		 agent->config.lease_seconds, agent->config.renew_seconds);
}

static void end_reload(struct agent *agent, const struct fault *f)
{
	if (f->code[0]) {
		log_error("The configuration is refused, and the present one stays in force: %s",
			  f->message);
		audit_service_event(agent->audit, "ConfigurationReload", NULL, f);
	}
	agent->refused = *f;
	sd_notify(0, "READY=1");
	state_announce(agent);
}

/* The KMS of the new configuration has been asked. */
static void judged(struct agent *agent, struct config *next, const struct fault *f)
{
	struct fault wrong = *f;

	/* A cluster may have another profile or endpoint since the KMS was asked. */
	if (wrong.code[0] || check_clusters(agent, next, &wrong) < 0) {
		config_free(next);
	} else {
		take_over(agent, next);
		last_good_keep(&agent->config);
	}
	end_reload(agent, &wrong);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *signal, void *userdata)
{
	struct agent *agent = userdata;
	struct config next;
	struct fault f = { 0 };
	int r;

	notify_reload();
	trial_drop(agent);
	r = load(agent, &next, &f);
	if (r == 0)
		r = trial_begin(agent, &next, judged, &f);
	if (r == 0)
		judged(agent, &next, &f);
	else if (r < 0)
		end_reload(agent, &f);
	return 0;
}

static void say_wrong(struct agent *agent, const struct fault *wrong)
{
	log_error("The KMS cannot be called until this is corrected: %s", wrong->message);
	audit_service_event(agent->audit, "ConfigurationCheck", NULL, wrong);
}

/**
 * reload_on_hangup() - read the configuration again at each SIGHUP
 *
 * SIGHUP must be blocked. Also says what is wrong with the present credentials and certificates. No
 * such fault keeps the agent from starting: it has live devices to look after, and reads both files
 * again for each call.
 *
 * Return: 0 or -1.
 */
int reload_on_hangup(struct agent *agent, struct fault *f)
{
	struct fault wrong = { 0 };

	if (config_check_kms(&agent->config, &wrong) < 0)
		say_wrong(agent, &wrong);
	for (const struct cluster *c = agent->clusters; c; c = c->next)
		if (check_cluster(&agent->config, c, &wrong) < 0)
			say_wrong(agent, &wrong);
	if (sd_event_add_signal(agent->event, NULL, SIGHUP, on_hangup, agent) < 0)
		return fault_set(f, "InternalFailure", "Cannot wait for SIGHUP.");
	return 0;
}
