// SPDX-License-Identifier: MIT
/* See settings_check.h. */
#include "kms/settings_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kms/root/root_key.h"
#include "kms/store/store.h"
#include "lib/audit/append_file.h"
#include "lib/base/folder.h"
#include "lib/base/local_account.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/http/principal.h"
#include "lib/http/tls.h"
#include "lib/kms/worker_protocol.h"

static bool missing(const char *path)
{
	return access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR);
}

static bool missing_in(const char *folder, const char *name)
{
	_cleanup_text_ char *path = text_format("%s/%s", folder, name);

	return path && missing(path);
}

static void check_store(const struct settings *s, struct faults *all)
{
	_cleanup_secret_ struct secret *root = NULL;
	struct fault f;

	if (root_key_read(s->root_key, &root, &f) || store_check(s->state_directory, root, &f))
		faults_add(all, &f);
}

static void check_tls(const struct settings *s, struct faults *all)
{
	struct tls tls;
	struct fault f;

	if (tls_read(s->state_directory, &tls, &f))
		faults_add(all, &f);
	else
		tls_free(&tls);
}

static void check_principals(const struct settings *s, struct faults *all)
{
	struct principals principals;
	struct fault f;

	if (principals_load(s->credentials, s->account, &principals, all, &f)) {
		faults_add(all, &f);
		return;
	}
	principals_note(&principals, s->credentials);
	principals_free(&principals);
}

static void check_folder_for(const char *path, struct faults *all)
{
	struct fault f;

	if (folder_check_for(path, &f))
		faults_add(all, &f);
}

/* The first start makes the files that are missing. */
static void check_new(const struct settings *s, struct faults *all)
{
	struct fault f;

	if (folder_check(s->state_directory, &f))
		faults_add(all, &f);
	check_folder_for(s->root_key, all);
	if (!missing_in(s->state_directory, "ca.pem") &&
	    !missing_in(s->state_directory, "tls-key.pem"))
		check_tls(s, all);
	if (missing(s->credentials))
		check_folder_for(s->credentials, all);
	else
		check_principals(s, all);
}

static void check_audit(const struct settings *s, struct faults *all)
{
	struct fault f;

	if (missing(s->audit_file))
		return check_folder_for(s->audit_file, all);
	if (append_file_check(s->audit_file, true, &f) == 0) {
		if (!access(s->audit_file, W_OK))
			return;
		fault_set(&f, "InvalidConfiguration",
			  "The audit trail %s cannot be opened: %s. Check the path and its permissions.",
			  s->audit_file, strerror(errno));
	}
	faults_add(all, &f);
}

static void check_sockets(const struct settings *s, struct faults *all)
{
	struct fault f;
	uid_t uid;
	gid_t gid;

	if (s->listen_unix[0])
		check_folder_for(s->listen_unix, all);
	if (!s->listen_unix[0] && !s->listen_tcp) {
		fault_set(&f, "InvalidConfiguration",
			  "There is no socket to listen on. Set ListenUnix or ListenTcp.");
		faults_add(all, &f);
	}
	if (!local_user(WORKER_USER, &uid, &gid))
		log_warning(
			"There is no user " WORKER_USER
			": the agent's KMS workers run as nobody, which other programs use too. Run systemd-sysusers.");
}

/**
 * settings_check() - check all files, folders and accounts that a start needs
 * @all: takes all faults
 *
 * Before the first start nothing is there, which is no fault. After it a file that is missing is a
 * fault, although a start makes some of the files anew: clients need the old ones.
 */
void settings_check(const struct settings *s, struct faults *all)
{
	if (missing(s->root_key) && missing_in(s->state_directory, "kms.sqlite")) {
		check_new(s, all);
	} else {
		check_store(s, all);
		check_tls(s, all);
		check_principals(s, all);
	}
	check_audit(s, all);
	check_folder_for(s->counter, all);
	check_sockets(s, all);
}
