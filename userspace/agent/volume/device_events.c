// SPDX-License-Identifier: MIT
/*
 * Device-mapper events: mapper_events() is readable when any device has had an event since
 * it was opened, so opening it anew arms it again. No timer looks at devices.
 */
#include "agent/volume/device_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lease/keyring.h"
#include "agent/lease/lease.h"
#include "lib/base/log.h"
#include "agent/lease/renewal.h"
#include "agent/work/state.h"
#include "agent/api/subscriptions.h"

/* A look at all devices. */
struct look {
	struct agent *agent;
	struct mapping *mappings;
	size_t count;
	struct fault fault;
	int result;
};

/* Notes the volume's device; of several, made by hand, one that lives. */
static void note(struct cluster *cluster, const struct mapping *mappings, size_t count)
{
	const struct mapping *found = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct mapping *m = &mappings[i];

		if (!strcmp(m->volume_id, cluster->volume_id) &&
		    (!found || (m->live && !found->live)))
			found = m;
	}
	cluster->mapping = found ? *found : (struct mapping){ 0 };
}

/* A live device whose key this process does not renew: left by an agent before, or made by hand. */
static void take_over(struct cluster *cluster)
{
	char description[64];

	cluster_key_description(cluster, description);
	cluster->key = keyring_find(cluster->agent->keyring, description);
	if (!cluster->key) {
		log_error("Cluster %s: its device is live, but its key is not in the keyring: it ends with its lease.",
			  cluster->id);
		return;
	}
	if (cluster->status == CLUSTER_INACCESSIBLE || cluster->status == CLUSTER_RECOVERABLE) {
		log_error("Cluster %s: lost its key, but its device is live: revoking.",
			  cluster->id);
		state_drop_key(cluster);
		return;
	}
	log_info("Cluster %s: taking over its live device %s, %lld s of the lease left.",
		 cluster->id, cluster->mapping.name, (long long)cluster->mapping.lease_left);
	if (cluster->status != CLUSTER_AVAILABLE)
		state_set(cluster, CLUSTER_AVAILABLE, "%s", "");
	/* A second less than the kernel said: it counts whole seconds. */
	renewal_start(cluster, lease_now() + (uint64_t)cluster->mapping.lease_left * NS_PER_S,
		      false);
}

static void judge(struct cluster *cluster)
{
	const struct mapping *mapping = &cluster->mapping;

	/* Left by an agent before this one. If there is a device, its header tells more. */
	if (cluster_is_in_between(cluster))
		return;
	if (mapping->name[0] && mapping->live) {
		cluster->awaits_device_ns = 0;
		if (!cluster->key)
			take_over(cluster);
		return;
	}
	if (cluster->status != CLUSTER_AVAILABLE)
		return;
	if (mapping->name[0])
		state_device_failed(cluster, mapping->reason);
	else if (lease_now() >= cluster->awaits_device_ns)
		state_device_gone(cluster);
}

static void look_run(void *data)
{
	struct look *look = data;

	look->result = mapper_list(&look->mappings, &look->count, &look->fault);
}

static void look_done(void *data)
{
	struct look *look = data;
	struct agent *agent = look->agent;

	agent->refreshing = false;
	if (look->result < 0)
		log_error("%s", look->fault.message);
	for (struct cluster *c = agent->clusters; look->result == 0 && c; c = c->next) {
		note(c, look->mappings, look->count);
		/* An operation under way knows better; it asks for another look at its end. */
		if (!c->operation)
			judge(c);
	}
	free(look->mappings);
	free(look);
	subscriptions_looked(agent);
	if (agent->refresh_again) {
		agent->refresh_again = false;
		device_events_refresh(agent);
	}
}

/**
 * device_events_refresh() - look at all devices and judge what is seen
 *
 * One look at a time; asked for again meanwhile, another follows.
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
	agent->refreshing = true;
	device_thread_submit(agent->devices, look_run, look_done, look);
}

/**
 * device_events_found() - judge a cluster that was found on a disk just now
 * @mappings, @count: all devices, looked at after the disk
 *
 * In the same turn of the loop in which the cluster becomes known: who starts it before its live
 * device is taken over has the key revoked that the device lives by, and who deletes it erases the
 * header below.
 */
void device_events_found(struct cluster *cluster, const struct mapping *mappings, size_t count)
{
	note(cluster, mappings, count);
	judge(cluster);
}

/** device_events_changed() - something that Status shows has changed: its watchers get a new look */
void device_events_changed(struct agent *agent)
{
	subscriptions_changed(agent);
	if (agent->watchers)
		device_events_refresh(agent);
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* Opens the control device anew, which arms it, before the old one is given up. */
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
		log_error("Cannot watch " MAPPER_CONTROL " any longer: %s", strerror(-r));
		return r;
	}
	subscriptions_changed(agent);
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
				 "Cannot open " MAPPER_CONTROL
				 ": %s. Is device-mapper there? modprobe dm-mod",
				 strerror(-r));
	device_events_refresh(agent);
	return 0;
}

/** device_events_stop() - watch no more */
void device_events_stop(struct agent *agent)
{
	if (!agent->control_source)
		return;
	agent->control_source = sd_event_source_disable_unref(agent->control_source);
	close(agent->control);
}
