// SPDX-License-Identifier: MIT
/*
 * Device-mapper events. The descriptor of mapper_events() is readable once any device has had an
 * event since it was opened; opening it anew arms it again. No timer looks at devices.
 */
#include "agent/volume/device_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lease/lease.h"
#include "agent/volume/growth.h"
#include "lib/base/log.h"

/* A look at all devices. @changes: agent.changes when it began */
struct look {
	struct agent *agent;
	uint64_t changes;
	struct mapping *mappings;
	size_t count;
	struct fault fault;
	int result;
};

static void look_run(void *data)
{
	struct look *look = data;

	look->result = mapper_list(&look->mappings, &look->count, &look->fault);
	for (size_t i = 0; look->result == 0 && i < look->count; i++)
		growth_measure(&look->mappings[i]);
}

static void look_free(void *data)
{
	struct look *look = data;

	free(look->mappings);
	free(look);
}

static void look_done(void *data)
{
	struct look *look = data;
	struct agent *agent = look->agent;

	agent->refreshing = false;
	if (look->result < 0 && !agent->look_failed)
		log_error("%s", look->fault.message);
	agent->look_failed = look->result < 0;
	/* The end of an operation asks for another look: this one may have been before its last step. */
	for (struct cluster *c = agent->clusters; look->result == 0 && c; c = c->next)
		if (c->changed <= look->changes)
			agent->hooks.device_seen(c, look->mappings, look->count);
	look_free(look);
	agent->hooks.looked(agent);
	if (agent->refresh_again) {
		agent->refresh_again = false;
		device_events_refresh(agent);
	}
}

static const struct device_work look_work = {
	.run = look_run,
	.done = look_done,
	.drop = look_free,
};

/**
 * device_events_refresh() - look at all devices, then judge each cluster by them
 *
 * There is one look at a time. A call during a look makes another look follow.
 */
void device_events_refresh(struct agent *agent)
{
	struct look *look;

	if (agent->refreshing) {
		agent->refresh_again = true;
		return;
	}
	look = calloc(1, sizeof(*look));
	if (!look) {
		log_error("Out of memory.");
		return;
	}
	look->agent = agent;
	look->changes = agent->changes;
	agent->refreshing = true;
	agent->look_ns = lease_now();
	agent->look_number++;
	device_thread_submit(agent->devices, DEVICE_LANE_LOOK, &look_work, look);
}

/** device_events_changed() - the state that Status shows has changed: look again if a client waits */
void device_events_changed(struct agent *agent)
{
	if (agent->hooks.changed(agent))
		device_events_refresh(agent);
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* Opens the control device anew, which arms it, before the old descriptor is closed. */
static int arm(struct agent *agent)
{
	sd_event_source *source = NULL;
	int fd = mapper_events(), r;

	if (fd < 0)
		return fd;
	r = sd_event_add_io(agent->event, &source, fd, EPOLLIN, on_control, agent);
	if (r < 0) {
		close(fd);
		return r;
	}
	device_events_stop(agent);
	agent->control = fd;
	agent->control_source = source;
	return 0;
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct agent *agent = userdata;
	int r = arm(agent);

	if (r < 0) {
		log_error("Cannot watch " MAPPER_CONTROL ": %s", strerror(-r));
		return r;
	}
	agent->hooks.changed(agent);
	device_events_refresh(agent);
	return 0;
}

/**
 * device_events_start() - watch for device-mapper events, and take a first look
 *
 * Return: 0 or -1.
 */
int device_events_start(struct agent *agent, struct fault *f)
{
	int r = arm(agent);

	if (r < 0)
		return fault_set(f, "KernelModuleMissing",
				 MAPPER_CONTROL
				 " cannot be opened: %s. Load device-mapper with 'modprobe dm-mod'.",
				 strerror(-r));
	device_events_refresh(agent);
	return 0;
}

/** device_events_stop() - end the watch */
void device_events_stop(struct agent *agent)
{
	if (!agent->control_source)
		return;
	agent->control_source = sd_event_source_disable_unref(agent->control_source);
	close(agent->control);
}
