/* SPDX-License-Identifier: MIT */
/*
 * What systemd still does while the host goes down. systemd unmounts most file systems after the end of
 * all services, so a device in use proves no writer. But each service that has not ended has a job of
 * systemd that runs: when none but that of the agent runs, all the rest waits for the agent.
 */
#ifndef ENVELOPE_AGENT_SHUTDOWN_JOBS_H
#define ENVELOPE_AGENT_SHUTDOWN_JOBS_H

#include <stdbool.h>
#include <systemd/sd-event.h>

/* systemd's own socket: the message bus is a service, which may have ended. */
#define SHUTDOWN_JOBS_ADDRESS "unix:path=/run/systemd/private"

struct shutdown_jobs;

int shutdown_jobs_open(sd_event *event, const char *address, const char *unit,
		       struct shutdown_jobs **ret);
void shutdown_jobs_ask(struct shutdown_jobs *jobs);
bool shutdown_jobs_wait_for_us(const struct shutdown_jobs *jobs);
void shutdown_jobs_free(struct shutdown_jobs *jobs);

#endif
