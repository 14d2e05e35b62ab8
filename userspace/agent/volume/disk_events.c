// SPDX-License-Identifier: MIT
/*
 * Block devices that come, change and go, by the events that udev has processed. Must never look at a
 * device: a disk may hang. A moment with events leads to one look, which a device thread takes. Steady
 * events lead to ever fewer looks: see look_pace.h.
 */
#include "agent/volume/disk_events.h"

#include <string.h>
#include <systemd/sd-device.h>
#include <unistd.h>

#include "agent/lease/lease.h"
#include "agent/volume/mapper.h"
#include "lib/base/log.h"

#define UDEV_CONTROL "/run/udev/control"

static bool has_property(sd_device *device, const char *name, const char *prefix)
{
	const char *value;

	return sd_device_get_property_value(device, name, &value) >= 0 &&
	       !strncmp(value, prefix, strlen(prefix));
}

/*
 * udev itself asks for an event after each write to a disk, also after the agent's own writes to
 * headers. Such an event brings no disk. No volume lies on the mapping of a volume.
 */
static bool brings_a_disk(sd_device *device)
{
	sd_device_action_t action;

	if (sd_device_get_action(device, &action) >= 0 && action == SD_DEVICE_CHANGE &&
	    has_property(device, "SYNTH_UUID", ""))
		return false;
	return !has_property(device, "DM_UUID", MAPPER_UUID_PREFIX);
}

static int on_moment(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	agent->disk_timer = sd_event_source_disable_unref(agent->disk_timer);
	agent->disk_moments++;
	agent->hooks.disks_changed(agent);
	return 0;
}

static int on_event(sd_device_monitor *monitor, sd_device *device, void *userdata)
{
	struct agent *agent = userdata;
	uint64_t delay;
	int r;

	if (!brings_a_disk(device))
		return 0;
	delay = look_pace_event(&agent->disk_pace, lease_now(), agent->disk_timer);
	if (!delay)
		return 0;
	r = sd_event_add_time_relative(agent->event, &agent->disk_timer, CLOCK_MONOTONIC,
				       delay / 1000, 0, on_moment, agent);
	if (r < 0)
		log_error("A disk that has come is not looked at, there is no timer: %s",
			  strerror(-r));
	return 0;
}

static int watch(struct agent *agent)
{
	sd_event_source *source;
	int r;

	/* Without udev libsystemd makes a monitor that never hears of anything. */
	if (access(UDEV_CONTROL, F_OK) < 0)
		return -errno;
	r = sd_device_monitor_new(&agent->disk_monitor);
	if (r >= 0)
		r = sd_device_monitor_filter_add_match_subsystem_devtype(agent->disk_monitor,
									 "block", NULL);
	if (r >= 0)
		r = sd_device_monitor_attach_event(agent->disk_monitor, agent->event);
	if (r >= 0)
		r = sd_device_monitor_start(agent->disk_monitor, on_event, agent);
	if (r < 0)
		return r;
	/* A thousand partitions in a moment: leases and clients go first. */
	source = sd_device_monitor_get_event_source(agent->disk_monitor);
	return sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
}

/**
 * disk_events_start() - watch for disks
 *
 * Without udev, as in a container, the agent goes on: a start of a cluster looks for its disk by itself.
 */
void disk_events_start(struct agent *agent)
{
	int r = watch(agent);

	if (r >= 0)
		return;
	disk_events_stop(agent);
	log_warning("Disks that come later are not noticed: the events of udev cannot be read (%s). Start the clusters of such disks with 'envelope cluster start'.",
		    strerror(-r));
}

/** disk_events_stop() - end the watch */
void disk_events_stop(struct agent *agent)
{
	agent->disk_monitor = sd_device_monitor_unref(agent->disk_monitor);
	agent->disk_timer = sd_event_source_disable_unref(agent->disk_timer);
}
