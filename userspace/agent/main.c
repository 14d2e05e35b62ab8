// SPDX-License-Identifier: MIT
/*
 * enveloped: the agent. Starts its parts in order, runs the event loop, and ends without touching the
 * volumes. The volumes live on until their leases end, and the next agent takes them over.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/api/methods.h"
#include "agent/api/rights.h"
#include "agent/api/subscriptions.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/pools.h"
#include "agent/catalog/snapshots.h"
#include "agent/check_config.h"
#include "agent/clock_event.h"
#include "agent/first_config.h"
#include "agent/hold.h"
#include "agent/last_good.h"
#include "agent/lease/keyring.h"
#include "agent/lease/newest_change.h"
#include "agent/reload.h"
#include "agent/shutdown_jobs.h"
#include "agent/state_lock.h"
#include "agent/volume/device_events.h"
#include "agent/volume/disk_events.h"
#include "agent/volume/host.h"
#include "agent/volume/lvm.h"
#include "agent/volume/mapper.h"
#include "agent/work/catalog_return.h"
#include "agent/work/device_verdict.h"
#include "agent/work/findings.h"
#include "agent/work/operation.h"
#include "agent/work/ownership.h"
#include "agent/work/pool_look.h"
#include "agent/work/reconcile.h"
#include "agent/work/restart.h"
#include "agent/work/state.h"
#include "lib/base/clock_jump.h"
#include "lib/base/folder.h"
#include "lib/base/local_account.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/base/standard_files.h"
#include "lib/base/text.h"
#include "lib/kms/worker.h"

static int usage(FILE *stream, const char *name)
{
	fprintf(stream,
		"usage: %s [--config FILE] [--check-config [--no-call]]\n"
		"\n"
		"Keeps the encrypted cluster volumes of this host: their keys, leases and devices.\n"
		"\n"
		"  --config FILE  read FILE instead of " CONFIG_PATH " (or $ENVELOPE_CONFIG)\n"
		"  --check-config check the configuration, and the files it names, and call the KMS; then exit\n"
		"  --no-call      with --check-config: do not call the KMS\n"
		"  --help         show this help\n"
		"  --version      show the version\n"
		"\n"
		"See enveloped(8) and envelope.conf(5).\n",
		name);
	return stream == stdout ? 0 : 2;
}

/* Return: -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, const char **config)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "no-call", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	bool check = false, call = true;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'c')
			*config = optarg;
		else if (option == 'k')
			check = true;
		else if (option == 'n')
			call = false;
		else if (option == 'h')
			return usage(stdout, argv[0]);
		else if (option == 'v')
			return printf("enveloped %s\n", ENVELOPE_VERSION) < 0;
		else
			return usage(stderr, argv[0]);
	}
	if (optind < argc || (!call && !check))
		return usage(stderr, argv[0]);
	return check ? check_config(*config, call) : -1;
}

static int open_files(struct agent *agent, struct fault *f)
{
	_cleanup_text_ char *path = text_format("%s/catalog.sqlite", agent->config.state_directory);
	_cleanup_text_ char *lock = text_format("%s/lvm.lock", agent->config.state_directory);

	if (!path || !lock)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (lvm_start(lock, f) < 0)
		return -1;
	/* Without its folder the trail waits, and the agent gives no new access. */
	folder_make_for(agent->config.audit_file, 0750, 0750, NULL);
	if (folder_make_for(agent->config.agent_socket, 0755, 0755, f) < 0)
		return -1;
	if (audit_open(agent->config.audit_file, agent->config.region, agent->config.account_id,
		       &agent->audit, f) < 0 ||
	    catalog_open(path, &agent->catalog, f) < 0)
		return -1;
	audit_on_record(agent->audit, subscriptions_recorded, agent);
	catalog_return_watch(agent);
	return 0;
}

/* Listens on the socket that systemd passed, or makes its own. */
static int serve(struct agent *agent, struct fault *f)
{
	gid_t gid = 0;
	bool group = local_group(RIGHTS_GROUP, &gid);
	mode_t mode = group ? 0660 : 0600;
	int r;

	if (!group)
		log_warning("There is no group '" RIGHTS_GROUP "': only root can change clusters.");
	r = varlink_server_new(&agent->server, agent->event, &methods_service, agent);
	if (r < 0)
		return fault_set(f, "InternalFailure", "Cannot make a server: %s.", strerror(-r));
	if (sd_listen_fds(1) == 1) {
		r = varlink_server_listen_fd(agent->server, SD_LISTEN_FDS_START, gid);
		if (r < 0)
			return fault_set(f, "InternalFailure",
					 "Cannot serve the socket from systemd: %s.", strerror(-r));
		return 0;
	}
	if (varlink_server_listen_path(agent->server, agent->config.agent_socket, mode, gid, f) < 0)
		return -1;
	rights_allow_readers(agent, mode);
	return 0;
}

static int set_up_loop(struct agent *agent, struct fault *f)
{
	sigset_t signals;
	int r;

	/* Before there are threads: they inherit it. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_new(&agent->event);
	if (r >= 0)
		r = hold_watch(agent);
	if (r >= 0)
		r = sd_event_add_signal(agent->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_set_watchdog(agent->event, 1);
	if (r < 0)
		return fault_set(f, "InternalFailure", "Cannot set up the event loop: %s.",
				 strerror(-r));
	return 0;
}

/*
 * The configuration has been loaded.
 *
 * The keyring comes before the device threads, which inherit it. Live devices come before clients and
 * disks, since their leases are running.
 */
static int start(struct agent *agent, struct fault *f)
{
	int r;

	if (state_lock_take(agent->config.state_directory, &agent->state_lock, f) < 0 ||
	    set_up_loop(agent, f) < 0 || open_files(agent, f) < 0 ||
	    keyring_open(&agent->keyring, f) < 0 || mapper_init(f) < 0 || kms_worker_prepare(f) < 0)
		return -1;
	r = device_thread_new(agent->event, agent->config.device_timeout_seconds, &agent->devices);
	if (r < 0)
		return fault_set(f, "InternalFailure", "The device threads cannot be set up: %s.",
				 strerror(-r));
	r = host_identify(&agent->host);
	if (r < 0)
		log_warning("This host has no machine id (%s): headers will not name it as the owner of a volume. See systemd-machine-id-setup(1).",
			    strerror(-r));
	if (reconcile_load(agent, f) < 0 || first_config_fits(agent, f) < 0 ||
	    device_events_start(agent, f) < 0)
		return -1;
	/* Nobody may ask to stop a cluster whose live device has not been seen yet. */
	r = 0;
	while (r >= 0 && agent->refreshing)
		r = sd_event_run(agent->event, UINT64_MAX);
	if (r < 0)
		return fault_set(f, "InternalFailure", "The event loop failed: %s.", strerror(-r));
	if (reload_on_hangup(agent, f) < 0 || serve(agent, f) < 0)
		return -1;
	clock_event_watch(agent);
	/* First the watch: no disk comes between the scan and the watch. */
	disk_events_start(agent);
	reconcile_scan(agent);
	return 0;
}

static void stop(struct agent *agent)
{
	state_flush(agent);
	device_events_stop(agent);
	disk_events_stop(agent);
	pool_look_stop(agent);
	varlink_server_free(agent->server);
	subscriptions_close(agent);
	clock_jump_free(agent->clock_jump);
	kms_worker_end_all();
	if (!device_thread_free(agent->devices)) {
		operation_wipe_waiting(agent);
		state_lock_release(&agent->state_lock);
		return;
	}
	while (agent->clusters) {
		restart_abandon(agent->clusters);
		if (agent->clusters->operation)
			operation_abandon(agent->clusters->operation);
		cluster_remove(agent->clusters);
	}
	sd_event_source_disable_unref(agent->catalog_timer);
	sd_event_source_disable_unref(agent->catalog_look);
	sd_event_source_disable_unref(agent->config_timer);
	sd_event_source_disable_unref(agent->hold_timer);
	sd_event_source_disable_unref(agent->renew);
	shutdown_jobs_free(agent->shutdown_jobs);
	ownership_forget(agent);
	findings_forget(agent);
	reload_forget(agent);
	newest_change_forget(agent);
	snapshots_free(agent);
	pools_free(agent);
	catalog_close(agent->catalog);
	state_lock_release(&agent->state_lock);
	audit_close(agent->audit);
	sd_event_unref(agent->event);
	config_free(&agent->config);
}

static struct agent new_agent(const char *config)
{
	return (struct agent){
		.config_path = config,
		.state_lock = -1,
		.hooks = {
			.device_seen = device_verdict_seen,
			.looked = subscriptions_looked,
			.changed = subscriptions_changed,
			.disks_changed = reconcile_disks,
		},
	};
}

/*
 * Starts with the configuration of the file or, if that does not work, with another one.
 *
 * Return: 0 or -1.
 */
static int start_somehow(struct agent *agent, struct fault *f)
{
	const char *config = agent->config_path;
	struct fault why;
	int r;

	if (geteuid() != 0)
		return fault_set(f, "AccessDenied", "enveloped must run as root.");
	if (first_config_load(agent, f) < 0)
		return -1;
	r = start(agent, f);
	/* First the last good configuration, then default folders. */
	for (int good = 1; r < 0 && good >= 0; good--) {
		if (strcmp(f->code, "InvalidConfiguration"))
			return -1;
		why = *f;
		stop(agent);
		*agent = new_agent(config);
		r = first_config_instead(agent, good, &why) < 0 ? -1 : start(agent, f);
	}
	if (r < 0)
		return -1;
	if (!agent->refused.code[0]) {
		last_good_keep(&agent->config);
		return 0;
	}
	audit_service_event(agent->audit, "ConfigurationCheck", NULL, &agent->refused);
	first_config_watch(agent);
	return 0;
}

int main(int argc, char **argv)
{
	struct agent agent;
	const char *config = NULL;
	struct fault f = { 0 };
	int status, r;

	standard_files_hold();
	secret_process_init();
	umask(0022);
	log_init("enveloped");
	status = parse_options(argc, argv, &config);
	if (status >= 0)
		return status;
	log_from_thread();
	agent = new_agent(config);
	if (start_somehow(&agent, &f) < 0) {
		log_error("%s: %s", f.code, f.message);
		sd_notifyf(0, "STATUS=%s", f.message);
		stop(&agent);
		return fault_exit_code(f.code);
	}
	sd_notify(0, "READY=1");
	state_announce(&agent);
	log_info("enveloped %s serves %s; leases of %u s, renewed every %u s.", ENVELOPE_VERSION,
		 agent.config.agent_socket, agent.config.lease_seconds, agent.config.renew_seconds);
	r = sd_event_loop(agent.event);
	sd_notify(0, "STOPPING=1");
	if (r < 0)
		log_error("The event loop failed: %s", strerror(-r));
	stop(&agent);
	return r < 0;
}
