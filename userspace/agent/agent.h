/* SPDX-License-Identifier: MIT */
/*
 * The agent, and a map of its folder. Struct agent belongs to the thread of the event loop; the
 * device threads see only the jobs that they get.
 *
 *	main.c		starts the parts in order, and ends them
 *	reload.c	a new configuration, at SIGHUP
 *	config_look.c	looks at a configuration and its files, without holding the loop
 *	check_config.c	--check-config
 *	trial.c		asks the KMS of the new configuration, or of a cluster's new way to it, before
 *			it counts
 *	last_good.c	the configuration before, for a start with a fault in the new one
 *	state_lock.c	one agent a state folder
 *	clock_event.c	records jumps of the wall clock
 *	hold.c		SIGTERM, and when the agent ends while the host goes down
 *	api/		the varlink interface: a table of methods, their parameters, replies,
 *			subscriptions. A new RDS call begins here: a struct change in methods.c
 *	rules/		may it be done? Pure functions with RDS's faults
 *	work/		operations of several steps: create, attach (start), detach (stop, delete).
 *			resume.c resumes the jobs of a killed agent: a new kind of long work, such
 *			as a snapshot, is a file here and a row of its table. state.c alone changes
 *			a status; key_loss.c, recovery_window.c, denial_count.c, loss_record.c and
 *			device_verdict.c say why. restart.c starts a cluster again after silence,
 *			and when the disk that it waits for has come (disk_wait.c);
 *			catalog_return.c brings a catalog back that took no changes
 *	catalog/	what the host remembers: clusters, the list of them, the job table
 *	lease/		the kernel key of a cluster: keyring.c, and kms_call.c for calls to the KMS.
 *			lease.c computes deadlines and delays; renewal.c renews on a timer.
 *			held_key.c drops a key: each way to end a lease calls held_key_drop()
 *	volume/		disks and device-mapper devices, and the threads that may block on them
 *	audit/		the audit trail's records
 *
 * Most calls go downwards: api, work, then lease, volume, catalog, audit. main() sets struct
 * agent_hooks for calls to a higher part. Two lower parts call a higher one directly: renewal.c
 * passes the KMS's answer to key_loss.c and loss_record.c, operation.c sends its reply. Files that
 * include each other in a circle fail tests/style/circles.
 */
#ifndef ENVELOPE_AGENT_H
#define ENVELOPE_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/audit/agent_audit.h"
#include "agent/catalog/catalog.h"
#include "agent/catalog/cluster.h"
#include "lib/base/config.h"
#include "agent/volume/device_thread.h"
#include "agent/volume/look_pace.h"
#include "lib/varlink/varlink.h"

/**
 * struct agent_hooks - calls from lower parts to higher ones, set by main() before the loop runs
 * @device_seen: all devices have been looked at; judge this cluster by them
 * @looked: every cluster has been judged
 * @changed: the state that Status shows has changed; true when a client waits for a look
 * @disks_changed: disks have come or gone
 */
struct agent_hooks {
	void (*device_seen)(struct cluster *cluster, const struct mapping *mappings, size_t count);
	void (*looked)(struct agent *agent);
	bool (*changed)(struct agent *agent);
	void (*disks_changed)(struct agent *agent);
};

/**
 * struct agent - one per process, on main()'s stack
 * @event: the loop
 * @config: in force; @config_path: for config_load(), borrowed
 * @state_lock: on the state folder, -1 for none; see state_lock.h
 * @reload: of the newest SIGHUP, see reload.c; owned
 * @trial: the question to the KMS of a new configuration, see trial.c; NULL for none
 * @refused: why the configuration at @config_path is not in force; code "" when it is
 * @faulty: the configuration at @config_path is in force, although @refused says what is wrong
 * @config_timer: for a look at its files, which had a fault at the start
 * @catalog, @audit, @devices, @server: owned
 * @catalog_timer: tries a catalog again that takes no changes
 * @catalog_look: for a look whether the catalog is still there
 * @host_ends: the whole host goes down, so that SIGTERM waits for the users of the devices
 * @hold_timer, @hold_end_ns: looks for such users after SIGTERM, until this time
 * @shutdown_jobs: what systemd still does then; NULL before, and without systemd; owned
 * @keyring: serial number of the kernel keyring "envelope" at the last look
 * @host: this host, for the headers of volumes; its id is "" if the host has none
 * @sightings: what the headers said of other hosts: see work/ownership.h; owned
 * @clusters: list, owned
 * @pools: list, owned; @pool_timer: looks how full they are
 * @snapshots: list, owned
 * @watchers: calls of Status that wait for changes
 * @followers: calls of Events that wait for records
 * @hooks: set once, before the loop runs
 * @control: /dev/mapper/control, polled for device-mapper events
 * @refreshing, @refresh_again: a look at all devices is under way, or wanted after it
 * @look_failed: the last look at all devices failed, which is logged
 * @look_ns: when that look began, CLOCK_BOOTTIME; @look_number: how many have begun
 * @disk_monitor: of udev's events, NULL without udev; @disk_timer: set while events are gathered;
 *	@disk_pace: see look_pace.h; @disk_moments: number of times that the timer has ended
 * @scanning, @scan_again: a look at all disks for known clusters is under way, or wanted after it
 * @take_in: the next look at all disks takes in volumes that the catalog does not know
 * @findings: of the looks at the disks: see work/findings.h; owned
 * @kms_changes: the newest change of each KMS: see lease/newest_change.h; owned
 * @changes: number of operations that have ended and of clusters that have gone
 * @removed: @changes when a cluster last went
 * @renewals: calls of the KMS for renewals that are under way
 * @renew: begins the next of them
 * @unsaved: records of changes of status that state_flush() is to save; NULL for none
 * @flush: calls state_flush()
 */
struct agent {
	sd_event *event;
	struct config config;
	const char *config_path;
	int state_lock;
	struct reload *reload;
	struct trial *trial;
	struct fault refused;
	bool faulty;
	sd_event_source *config_timer;
	struct catalog *catalog;
	struct audit *audit;
	struct device_thread *devices;
	struct varlink_server *server;
	sd_event_source *catalog_timer;
	sd_event_source *catalog_look;
	bool host_ends;
	sd_event_source *hold_timer;
	uint64_t hold_end_ns;
	struct shutdown_jobs *shutdown_jobs;
	struct volume_owner host;
	struct sighting *sightings;
	int32_t keyring;
	struct cluster *clusters;
	struct pool *pools;
	struct snapshot *snapshots;
	sd_event_source *pool_timer;
	struct watcher *watchers;
	struct follower *followers;
	struct agent_hooks hooks;
	int control;
	sd_event_source *control_source;
	bool refreshing;
	bool refresh_again;
	bool look_failed;
	uint64_t look_ns;
	uint64_t look_number;
	struct sd_device_monitor *disk_monitor;
	sd_event_source *disk_timer;
	struct look_pace disk_pace;
	uint64_t disk_moments;
	struct finding *findings;
	struct kms_change *kms_changes;
	bool scanning;
	bool scan_again;
	bool take_in;
	uint64_t changes;
	uint64_t removed;
	unsigned int renewals;
	sd_event_source *renew;
	json_object *unsaved;
	sd_event_source *flush;
	struct clock_jump *clock_jump;
};

static inline uint64_t agent_lease_ns(const struct agent *agent)
{
	return agent->config.lease_seconds * 1000000000ULL;
}

/*
 * A host claims a volume for two leases at a time, so that a disk that hangs for less than a lease ends
 * no lease.
 */
static inline uint32_t agent_claim_seconds(const struct agent *agent)
{
	return 2 * agent->config.lease_seconds;
}

static inline uint64_t agent_renew_ns(const struct agent *agent)
{
	return agent->config.renew_seconds * 1000000000ULL;
}

#endif
