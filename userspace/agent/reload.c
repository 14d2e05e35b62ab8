// SPDX-License-Identifier: MIT
/*
 * SIGHUP: read the configuration anew, check it, ask its KMS, and take it over or refuse it. Its
 * files are looked at in a thread, since they may be on a file system that does not answer.
 */
#include "agent/reload.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/config_look.h"
#include "agent/first_config.h"
#include "agent/last_good.h"
#include "agent/lease/renewal.h"
#include "agent/trial.h"
#include "agent/volume/device_events.h"
#include "agent/volume/device_thread.h"
#include "agent/work/state.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/notify_reload.h"

/**
 * struct reload - of the newest SIGHUP
 * @look: under way; NULL for none. Another look is that of an older SIGHUP, or of one that got its
 *	answer when a file did not answer in time
 * @seen: clusters whose own profiles and endpoints have been judged
 */
struct reload {
	struct config_look *look;
	struct reach_list seen;
};

static void looked(struct config_look *one);
static void late(struct config_look *one, const struct fault *f, bool begun);

static const struct config_look_end look_end = { .done = looked, .late = late };

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

/* Keys that a makeshift configuration has in force until a restart must not be another's. */
static int check_restart(const struct config *present, const struct config *next,
			 struct faults *all)
{
	struct fault f;

	if (!present->no_calls || (!strcmp(present->region, next->region) &&
				   !strcmp(present->account_id, next->account_id) &&
				   !strcmp(present->state_directory, next->state_directory)))
		return 0;
	fault_set(&f, "InvalidConfiguration",
		  "Region=, AccountId= and StateDirectory= take effect at a restart, and the agent has started with a fault in the configuration. Run: systemctl restart enveloped");
	faults_add(all, &f);
	return -1;
}

/*
 * Has the file lost its settings? If it had lost them at the start, and the last good configuration
 * cannot be read, the configuration in force does not tell.
 */
static int check_lost(const struct config *present, const struct config *next, struct fault *f)
{
	if (last_good_check(present, next, f) < 0)
		return -1;
	return present->makeshift ? first_config_check(next, f) : 0;
}

/* What a look has read: may it count? @next: taken from the look, unless it must not count. */
static int judge(const struct agent *agent, struct config_look *look, struct config *next,
		 struct fault *f)
{
	struct faults all = { 0 };

	config_look_report(look, &all);
	if (look->config.file && check_lost(&agent->config, &look->config, f) < 0)
		return -1;
	if (!all.count)
		check_restart(&agent->config, &look->config, &all);
	if (all.count) {
		faults_sum_up(&all, f);
		return -1;
	}
	*next = look->config;
	look->config = (struct config){ 0 };
	return 0;
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
	agent->faulty = false;
	sd_notify(0, "READY=1");
	state_announce(agent);
}

static void out_of_memory(struct agent *agent)
{
	struct fault f;

	fault_set(&f, "InternalFailure", "Out of memory.");
	end_reload(agent, &f);
}

/* @next: taken over; NULL: the file is read */
static void look(struct agent *agent, struct config *next)
{
	struct config_look *one = config_look_new(agent->config_path, next);

	if (!one || config_look_at_clusters(one, agent) < 0) {
		config_look_free(one);
		out_of_memory(agent);
		return;
	}
	one->files = !next;
	agent->reload->look = one;
	config_look_begin(one, agent, &look_end);
}

/* The KMS of the new configuration has been asked. */
static void judged(struct agent *agent, struct config *next, const struct fault *f)
{
	struct fault wrong = *f;

	/* A cluster may have another profile or endpoint since the last look. */
	if (!wrong.code[0] && !config_look_covers(&agent->reload->seen, agent)) {
		look(agent, next);
		return;
	}
	if (wrong.code[0]) {
		config_free(next);
	} else {
		take_over(agent, next);
		last_good_keep(&agent->config);
	}
	end_reload(agent, &wrong);
}

static void looked(struct config_look *one)
{
	struct agent *agent = one->agent;
	struct reload *reload = agent->reload;
	struct config next;
	struct fault f = { 0 };
	int r;

	if (reload->look != one) {
		config_look_free(one);
		return;
	}
	reload->look = NULL;
	r = judge(agent, one, &next, &f);
	reach_list_free(&reload->seen);
	reload->seen = one->clusters;
	one->clusters = (struct reach_list){ 0 };
	if (r == 0 && one->reads)
		r = trial_begin(agent, &next, judged, &f);
	config_look_free(one);
	if (r == 0)
		judged(agent, &next, &f);
	else if (r < 0)
		end_reload(agent, &f);
}

static void late(struct config_look *one, const struct fault *f, bool begun)
{
	struct agent *agent = one->agent;

	if (agent->reload->look == one) {
		agent->reload->look = NULL;
		end_reload(agent, f);
	}
	if (!begun)
		config_look_free(one);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *signal, void *userdata)
{
	struct agent *agent = userdata;

	notify_reload();
	trial_drop(agent);
	look(agent, NULL);
	return 0;
}

/**
 * reload_on_hangup() - read the configuration again at each SIGHUP, which must be blocked
 *
 * Return: 0 or -1.
 */
int reload_on_hangup(struct agent *agent, struct fault *f)
{
	agent->reload = calloc(1, sizeof(*agent->reload));
	if (!agent->reload)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (sd_event_add_signal(agent->event, NULL, SIGHUP, on_hangup, agent) < 0)
		return fault_set(f, "InternalFailure", "Cannot wait for SIGHUP.");
	return 0;
}

/** reload_forget() - the agent ends; the device threads have ended */
void reload_forget(struct agent *agent)
{
	if (agent->reload)
		reach_list_free(&agent->reload->seen);
	free(agent->reload);
	agent->reload = NULL;
}
