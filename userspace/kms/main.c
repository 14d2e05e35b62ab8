// SPDX-License-Identifier: MIT
/*
 * envelope-kms: the embedded KMS. This file only starts the parts in order and stops them in
 * reverse.
 *
 * Must never serve before root key, key store, principals and audit trail are all open.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "kms/admin/admin.h"
#include "kms/audit/kms_audit.h"
#include "kms/auth/caller.h"
#include "kms/keys/deletion.h"
#include "kms/keys/rotation.h"
#include "kms/reload.h"
#include "kms/root/root_key.h"
#include "kms/service.h"
#include "kms/settings.h"
#include "kms/settings_check.h"
#include "lib/base/folder.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/base/standard_files.h"
#include "lib/http/credentials.h"
#include "lib/http/http.h"
#include "lib/http/listen.h"
#include "lib/kms/worker_user.h"

struct server {
	struct kms kms;
	struct http_service service;
	struct tls tls;
	struct secret *root;
	int store_lock; /* -1: not held */
	sd_event *event;
	struct http *unix_http;
	struct http *tcp_http;
	struct reload reload;
	bool own_socket; /* the unix socket was bound here: remove it at the end */
};

static int on_store_event(const char *name, struct json_object *details, void *userdata,
			  struct fault *f)
{
	return audit_store_event(userdata, name, details, f);
}

/* A store that is new, or of an older version, counts what the trail has as kept. */
static void compare_with_trail(struct audit *audit, struct store *store)
{
	struct fault f;

	audit_expect(audit, store_last_sequence(store));
	if (store_last_event(store)[0]) {
		audit_mark_undone(audit, store_last_event(store));
		return;
	}
	store_note_event(store, audit_event_before(audit), store_last_sequence(store));
	if (store_save_clock(store, &f))
		log_error("A change that a crash undoes may stay recorded as made: %s", f.message);
}

/* --init leaves a store that exists as it is: the KMS upgrades it, with a record in the audit trail. */
static int open_store(const struct settings *s, struct server *server, bool first, struct fault *f)
{
	struct store_setup setup = {
		.directory = s->state_directory,
		.root = server->root,
		.counter = s->counter,
		.region = s->region,
		.create = first || s->new_store,
		.accept = s->accept_rollback,
	};

	if (s->init && !(setup.create && store_missing(s->state_directory)))
		return store_check(s->state_directory, server->root, f);
	if (!s->init) {
		struct audit_setup audit = {
			.path = s->audit_file,
			.head = s->counter,
			.root = server->root,
			.region = s->region,
			.account = s->account,
			.event = server->event,
		};

		if (audit_open(&audit, &server->kms.audit, f))
			return -1;
		setup.event = on_store_event;
		setup.userdata = server->kms.audit;
	}
	if (store_open(&setup, &server->kms.store, f))
		return -1;
	if (server->kms.audit)
		compare_with_trail(server->kms.audit, server->kms.store);
	return 0;
}

/* Makes every file that a first start needs. Existing files are left alone. */
static int prepare(const struct settings *s, struct server *server, struct fault *f)
{
	bool first;

	if (folder_make(s->state_directory, 0755, 0711, f) ||
	    store_lock(s->state_directory, &server->store_lock, f) ||
	    folder_make_for(s->root_key, 0755, 0755, f) ||
	    folder_make_for(s->credentials, 0755, 0755, f) ||
	    folder_make_for(s->audit_file, 0755, 0755, f) ||
	    folder_make_for(s->counter, 0755, 0700, f) ||
	    root_key_load(s->root_key, s->state_directory, &server->root, &first, f) ||
	    credentials_make(s->credentials, s->region, f) ||
	    tls_load(s->state_directory, "envelope-kms", &server->tls, f))
		return -1;
	return open_store(s, server, first, f);
}

static int open_kms(const struct settings *s, struct server *server, struct fault *f)
{
	struct kms *kms = &server->kms;
	struct faults all = { 0 };

	kms->regions = s->regions;
	kms->account = s->account;
	if (principals_load(s->credentials, s->account, &kms->principals, &all, f))
		return -1;
	caller_note_twins(kms);
	if (deletion_new(server->event, kms->store, kms->audit, &kms->deletion, f))
		return -1;
	return rotation_new(server->event, kms->store, kms->audit, &kms->rotation, f);
}

static int serve(const struct settings *s, struct server *server, struct fault *f)
{
	struct listeners listeners;
	uid_t agent = (uid_t)-1;
	gid_t group = (gid_t)-1;

	worker_user(&agent, &group);
	server->service = kms_service(&server->kms, agent);
	if (s->listen_unix[0] && folder_make_for(s->listen_unix, 0755, 0755, f))
		return -1;
	if (listeners_open(s->listen_unix, group, s->listen_tcp, &listeners, f))
		return -1;
	server->own_socket = listeners.unix_fd >= 0 && !listeners.activated;
	if (listeners.unix_fd >= 0 && http_new(server->event, &server->service, listeners.unix_fd,
					       TRANSPORT_UNIX, NULL, &server->unix_http, f))
		return -1;
	if (listeners.tcp_fd >= 0)
		return http_new(server->event, &server->service, listeners.tcp_fd, TRANSPORT_TLS,
				&server->tls, &server->tcp_http, f);
	return 0;
}

static int make_event_loop(struct server *server, struct fault *f)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Ignored, so that a write over the limit of file size fails like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	r = sd_event_default(&server->event);
	if (r >= 0)
		r = sd_event_add_signal(server->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(server->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_set_watchdog(server->event, true);
	if (r < 0)
		return fault_set(f, "InternalFailure", "The event loop cannot be made: %s.",
				 strerror(-r));
	return 0;
}

static int run(struct settings *s, struct server *server, struct fault *f)
{
	int r;

	if (make_event_loop(server, f) || prepare(s, server, f))
		return -1;
	if (s->init) {
		log_info("ready: root key %s, credentials %s, certificate %s/ca.pem", s->root_key,
			 s->credentials, s->state_directory);
		return 0;
	}
	if (s->accept_rollback) {
		log_info("the key store in %s is the present one", s->state_directory);
		return 0;
	}
	if (open_kms(s, server, f) || serve(s, server, f) ||
	    reload_on_hangup(server->event, &server->reload, f))
		return -1;
	sd_notify(0, "READY=1");
	log_info("serving region %s%s%s, account %s", s->region, *s->other_regions ? ", " : "",
		 s->other_regions, s->account);
	r = sd_event_loop(server->event);
	sd_notify(0, "STOPPING=1");
	if (r < 0)
		return fault_set(f, "InternalFailure", "The event loop failed: %s.", strerror(-r));
	return 0;
}

static void stop(const struct settings *s, struct server *server)
{
	http_free(server->tcp_http);
	if (server->own_socket)
		unlink(s->listen_unix);
	http_free(server->unix_http);
	rotation_free(server->kms.rotation);
	deletion_free(server->kms.deletion);
	audit_close(server->kms.audit);
	store_close(server->kms.store);
	if (server->store_lock >= 0)
		close(server->store_lock);
	principals_free(&server->kms.principals);
	tls_free(&server->tls);
	secret_free(server->root);
	sd_event_unref(server->event);
	stack_wipe();
}

/* Heap memory holds plaintext for moments; it must not be swapped out in one of them. */
static void lock_memory(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    (geteuid() != 0 && limit.rlim_cur != RLIM_INFINITY) ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warning(
			"cannot lock all memory: raise LimitMEMLOCK to keep plaintext out of swap");
}

/* @all: the faults of the settings themselves. Return: the exit status. */
static int check_config(const struct settings *settings, struct faults *all)
{
	settings_check(settings, all);
	if (!all->count)
		return puts("The configuration is valid.") < 0;
	return 2;
}

/* Return: the exit status of @r, as of admin_run() */
static int exit_status(int r, const struct fault *f)
{
	/* Not fault_exit_code(): its 5, for example, means a KMS that cannot be reached. */
	if (r >= 0)
		return r;
	return strcmp(f->code, "InvalidConfiguration") && strcmp(f->code, "Usage") ? 1 : 2;
}

static int administer(int argc, char **argv)
{
	struct fault f = { 0 };
	int r = admin_run(argc, argv, &f);

	if (r < 0)
		log_error("%s", f.message);
	if (fflush(stdout) && r >= 0)
		r = 1;
	stack_wipe();
	return exit_status(r, &f);
}

int main(int argc, char **argv)
{
	static struct settings settings;
	struct server server = { .store_lock = -1 };
	struct faults all = { 0 };
	struct fault fault = { 0 };
	int r;

	standard_files_hold();
	log_init("envelope-kms");
	if (!admin_is_command(argc, argv) && settings_read(argc, argv, &settings, &all, &fault)) {
		faults_add(&all, &fault);
		if (!settings.check_config || !strcmp(fault.code, "Usage") ||
		    !strcmp(fault.code, "InternalFailure"))
			return 2;
	}
	r = secret_process_init();
	if (r) {
		log_error("cannot forbid core dumps: %s", strerror(-r));
		return 1;
	}
	lock_memory();
	if (admin_is_command(argc, argv))
		return administer(argc, argv);
	if (settings.check_config)
		return check_config(&settings, &all);
	log_from_thread();
	server.reload = (struct reload){ argc,	      argv,	   &settings,
					 &server.kms, &server.tls, &server.tcp_http };
	r = run(&settings, &server, &fault);
	if (r)
		log_error("%s", fault.message);
	stop(&settings, &server);
	settings_free(&settings);
	return exit_status(r, &fault);
}
