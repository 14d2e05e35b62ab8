// SPDX-License-Identifier: MIT
/*
 * SIGTERM ends the agent. When the whole host goes down, a database may still write for longer than a
 * lease, and nothing orders its end before that of the agent. The unit sends SIGUSR1 first in that
 * case. Then SIGTERM ends the agent only in one of these cases: no live device is open any more, systemd
 * waits for the end of the agent alone, or HOLD_MAX_S have passed.
 *
 * systemd unmounts a file system after the end of all services, unless it is mounted with _netdev. The
 * device that is open until then is closed under its last lease.
 */
#include "agent/hold.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>

#include "agent/lease/lease.h"
#include "agent/shutdown_jobs.h"
#include "agent/volume/device_events.h"
#include "lib/base/log.h"

#define LOOK_AGAIN_S 1
#define HOLD_MAX_S   300

/* Longer than one look at the devices takes; the service manager ends an agent that hangs. */
#define EXTEND_TIMEOUT "EXTEND_TIMEOUT_USEC=15000000"

/* A live cluster, or a live one whose device is open. */
static const struct cluster *find_live(const struct agent *agent, bool open)
{
	for (const struct cluster *c = agent->clusters; c; c = c->next)
		if (c->key && c->mapping.live && (!open || c->mapping.open_count > 0))
			return c;
	return NULL;
}

static int look_again_later(struct agent *agent);

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;
	const struct cluster *open;

	if (lease_now() >= agent->hold_end_ns) {
		log_warning("A device is still in use after %d s. Its lease ends without the agent.",
			    HOLD_MAX_S);
		return sd_event_exit(agent->event, 0);
	}
	/* The figures are those of a look that began after SIGTERM. */
	open = find_live(agent, true);
	if (!agent->refreshing && !open)
		return sd_event_exit(agent->event, 0);
	if (shutdown_jobs_wait_for_us(agent->shutdown_jobs)) {
		log_info(
			"All other services have ended. What is still mounted is unmounted after the agent.");
		return sd_event_exit(agent->event, 0);
	}
	if (!agent->refreshing)
		device_events_refresh(agent);
	shutdown_jobs_ask(agent->shutdown_jobs);
	return look_again_later(agent);
}

static int look_again_later(struct agent *agent)
{
	sd_notify(0, EXTEND_TIMEOUT);
	agent->hold_timer = sd_event_source_disable_unref(agent->hold_timer);
	return sd_event_add_time_relative(agent->event, &agent->hold_timer, CLOCK_BOOTTIME,
					  LOOK_AGAIN_S * 1000000ULL, 0, on_timer, agent);
}

static int on_host_ends(sd_event_source *source, const struct signalfd_siginfo *signal,
			void *userdata)
{
	struct agent *agent = userdata;

	agent->host_ends = true;
	return 0;
}

/* Without an answer of systemd the agent waits until no device is open. */
static void watch_jobs(struct agent *agent)
{
	char *unit = NULL;
	int r = sd_pid_get_unit(0, &unit);

	if (r >= 0)
		r = shutdown_jobs_open(agent->event, SHUTDOWN_JOBS_ADDRESS, unit,
				       &agent->shutdown_jobs);
	if (r < 0)
		log_warning("systemd cannot be asked for its jobs: %s", strerror(-r));
	free(unit);
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *signal,
			void *userdata)
{
	struct agent *agent = userdata;
	bool second = agent->hold_timer;

	if (second || !agent->host_ends || !find_live(agent, false))
		return sd_event_exit(agent->event, 0);
	log_info("The host goes down. Leases are renewed until no device is in use, for at most %d s.",
		 HOLD_MAX_S);
	agent->hold_end_ns = lease_now() + HOLD_MAX_S * NS_PER_S;
	watch_jobs(agent);
	device_events_refresh(agent);
	return look_again_later(agent);
}

/**
 * hold_watch() - wait for SIGTERM and for SIGUSR1, which must be blocked
 *
 * Return: 0 or a negative errno.
 */
int hold_watch(struct agent *agent)
{
	int r = sd_event_add_signal(agent->event, NULL, SIGUSR1, on_host_ends, agent);

	if (r >= 0)
		r = sd_event_add_signal(agent->event, NULL, SIGTERM, on_terminate, agent);
	return r < 0 ? r : 0;
}
