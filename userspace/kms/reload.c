// SPDX-License-Identifier: MIT
/* See reload.h. */
#include "kms/reload.h"

#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "kms/audit/kms_audit.h"
#include "kms/auth/caller.h"
#include "kms/settings_check.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/notify_reload.h"

/* The other keys are in open files and sockets, and in the records of keys. */
#define LIVE_KEY "CredentialsFile"

static bool same(const struct tls *one, const struct tls *other)
{
	return !strcmp(one->certificate, other->certificate) && !strcmp(one->key, other->key);
}

static int renew_tls(struct reload *reload, struct fault *f)
{
	struct tls next;

	if (tls_read(reload->settings->state_directory, &next, f))
		return -1;
	if (same(&next, reload->tls)) {
		tls_free(&next);
		return 0;
	}
	if (*reload->tls_server && http_renew(reload->tls_server, &next, f)) {
		tls_free(&next);
		return -1;
	}
	tls_free(reload->tls);
	*reload->tls = next;
	log_info(
		"The certificate is a new one. Connections that are open end with their next answer.");
	return 0;
}

/* All or nothing. No call is under way: each runs to its end in one turn of the event loop. */
static int take_over(struct reload *reload, struct settings *next, struct faults *all,
		     struct fault *f)
{
	char *credentials = reload->settings->credentials;
	struct principals principals;

	if (principals_load(next->credentials, reload->settings->account, &principals, all, f))
		return -1;
	if (renew_tls(reload, f)) {
		principals_free(&principals);
		return -1;
	}
	principals_free(&reload->kms->principals);
	reload->kms->principals = principals;
	reload->settings->credentials = next->credentials;
	next->credentials = credentials;
	return 0;
}

static void note_kept(const char *key, const char *present, const char *next, void *userdata)
{
	struct json_object *kept = userdata;

	if (!strcmp(key, LIVE_KEY))
		return;
	log_warning("%s=%s takes effect at the next restart of envelope-kms. Until then it is %s.",
		    key, next, present);
	json_object_array_add(kept, json_object_new_string(key));
}

static struct json_object *details_of(const struct reload *reload, const struct settings *next)
{
	struct json_object *details = json_object_new_object();
	struct json_object *kept = json_object_new_array();

	settings_compare(reload->settings, next, note_kept, kept);
	json_add_object(details, "keptUntilRestart", kept);
	return details;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *signal, void *userdata)
{
	struct reload *reload = userdata;
	struct audit *audit = reload->kms->audit;
	_cleanup_settings_ struct settings next = { 0 };
	struct faults all = { 0 };
	struct fault f = { 0 };

	notify_reload();
	if (settings_read(reload->argc, reload->argv, &next, &all, &f))
		faults_add(&all, &f);
	if (strcmp(f.code, "InternalFailure")) /* then @next is not whole */
		settings_check(&next, &all);
	if (!all.count && take_over(reload, &next, &all, &f))
		faults_add(&all, &f);
	if (all.count) {
		log_error("The configuration is refused, and the present one stays in force: %s",
			  all.first.message);
		audit_reload(audit, NULL, &all.first);
		sd_notifyf(0, "READY=1\nSTATUS=The configuration is refused: %s",
			   all.first.message);
		return 0;
	}
	audit_reload(audit, details_of(reload, &next), NULL);
	caller_note_twins(reload->kms);
	log_info("The configuration has been read again; %zu principals.",
		 reload->kms->principals.count);
	sd_notify(0, "READY=1\nSTATUS=");
	return 0;
}

/**
 * reload_on_hangup() - read the settings again at each SIGHUP, which must be blocked
 *
 * Return: 0 or -1.
 */
int reload_on_hangup(sd_event *event, struct reload *reload, struct fault *f)
{
	if (sd_event_add_signal(event, NULL, SIGHUP, on_hangup, reload) < 0)
		return fault_set(f, "InternalFailure", "Cannot wait for SIGHUP.");
	return 0;
}
