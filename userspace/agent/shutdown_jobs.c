// SPDX-License-Identifier: MIT
/* Asks systemd for its jobs. Never waits for an answer. See shutdown_jobs.h. */
#include "agent/shutdown_jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/base/log.h"

/* systemd may answer between the end of one job and the beginning of the next. */
#define ANSWERS_ALIKE 2

/*
 * @unit: of this process
 * @alone: number of answers, the last ones, in which only its job runs
 * @failed: the last answer was an error, which is logged
 */
struct shutdown_jobs {
	sd_bus *bus;
	sd_bus_slot *question;
	char *unit;
	unsigned int alone;
	bool failed;
};

/**
 * shutdown_jobs_open() - connect to systemd
 * @address: SHUTDOWN_JOBS_ADDRESS
 * @unit: name of the unit of this process
 * @ret: for shutdown_jobs_free()
 *
 * Return: 0 or a negative errno.
 */
int shutdown_jobs_open(sd_event *event, const char *address, const char *unit,
		       struct shutdown_jobs **ret)
{
	struct shutdown_jobs *jobs = calloc(1, sizeof(*jobs));
	int r;

	if (!jobs)
		return -ENOMEM;
	jobs->unit = strdup(unit);
	r = jobs->unit ? sd_bus_new(&jobs->bus) : -ENOMEM;
	if (r >= 0)
		r = sd_bus_set_address(jobs->bus, address);
	if (r >= 0)
		r = sd_bus_start(jobs->bus);
	if (r >= 0)
		r = sd_bus_attach_event(jobs->bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0) {
		shutdown_jobs_free(jobs);
		return r;
	}
	*ret = jobs;
	return 0;
}

/* Does the job of @unit run, and no other one? Return: also a negative errno. */
static int runs_alone(sd_bus_message *answer, const char *unit)
{
	const char *name, *state;
	bool ours = false, others = false;
	int r = sd_bus_message_enter_container(answer, 'a', "(usssoo)");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(answer, "(usssoo)", NULL, &name, NULL, &state, NULL,
					NULL)) > 0) {
		if (strcmp(state, "running"))
			continue;
		if (!strcmp(name, unit))
			ours = true;
		else
			others = true;
	}
	return r < 0 ? r : ours && !others;
}

static int on_answer(sd_bus_message *answer, void *userdata, sd_bus_error *error)
{
	struct shutdown_jobs *jobs = userdata;
	int r = -sd_bus_message_get_errno(answer);

	jobs->question = sd_bus_slot_unref(jobs->question);
	if (!r)
		r = runs_alone(answer, jobs->unit);
	if (r < 0 && !jobs->failed)
		log_warning("systemd does not list its jobs: %s", strerror(-r));
	jobs->failed = r < 0;
	jobs->alone = r > 0 ? jobs->alone + 1 : 0;
	return 0;
}

/** shutdown_jobs_ask() - ask once more, unless an answer is still to come; @jobs may be NULL */
void shutdown_jobs_ask(struct shutdown_jobs *jobs)
{
	if (jobs && !jobs->question &&
	    sd_bus_call_method_async(jobs->bus, &jobs->question, "org.freedesktop.systemd1",
				     "/org/freedesktop/systemd1",
				     "org.freedesktop.systemd1.Manager", "ListJobs", on_answer,
				     jobs, "") < 0)
		jobs->alone = 0;
}

/** shutdown_jobs_wait_for_us() - has every other service ended? @jobs may be NULL: not known */
bool shutdown_jobs_wait_for_us(const struct shutdown_jobs *jobs)
{
	return jobs && jobs->alone >= ANSWERS_ALIKE;
}

void shutdown_jobs_free(struct shutdown_jobs *jobs)
{
	if (!jobs)
		return;
	sd_bus_slot_unref(jobs->question);
	if (jobs->bus)
		sd_bus_detach_event(jobs->bus);
	sd_bus_close_unref(jobs->bus);
	free(jobs->unit);
	free(jobs);
}
