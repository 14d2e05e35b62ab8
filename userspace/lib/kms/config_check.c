// SPDX-License-Identifier: MIT
/* Checks of ProxyCredentialsFile=, CaFile=, CredentialsFile=, Profile=, Worker= and AuditFile=. */
#include "lib/kms/config_check.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/audit/append_file.h"
#include "lib/base/file.h"
#include "lib/base/file_note.h"
#include "lib/kms/credential_chain.h"
#include "lib/kms/proxy.h"
#include "lib/kms/worker_process.h"
#include "lib/kms/worker_protocol.h"

static int ca_fault(const struct config *cfg, const char *what, struct fault *f)
{
	return fault_set(f, "InvalidConfiguration", "CaFile=%.200s %s.", cfg->ca_file, what);
}

static int check_ca(const struct config *cfg, struct fault *f)
{
	size_t count = 0;
	X509 *certificate;
	const char *why;
	struct stat st;
	FILE *file;

	if (!*cfg->ca_file)
		return 0;
	file = file_stream(cfg->ca_file, &why);
	if (!file)
		return fault_set(f, "InvalidConfiguration", "CaFile=%.200s cannot be opened: %s.",
				 cfg->ca_file, why);
	if (fstat(fileno(file), &st))
		st.st_size = 0;
	while ((certificate = PEM_read_X509(file, NULL, NULL, NULL))) {
		X509_free(certificate);
		count++;
	}
	fclose(file);
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		count = 0;
	ERR_clear_error();
	if (st.st_size > WORKER_CA_MAX)
		return ca_fault(cfg, "is larger than 4 MiB", f);
	if (!count)
		return ca_fault(cfg, "has no certificate in PEM form, or a damaged one", f);
	return 0;
}

static int check_worker(const struct config *cfg, struct fault *f)
{
	const char *path = worker_process_program(cfg);
	struct stat st;

	file_note(path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return fault_set(f, "InvalidConfiguration",
				 "The program for KMS calls, %.200s, is not a file. Correct Worker=.",
				 path);
	if (!access(path, X_OK))
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "The program for KMS calls, %.200s, cannot be run: %s. Correct Worker=.",
			 path, strerror(errno));
}

/**
 * config_check_credentials() - check where the credentials come from
 * @f: InvalidConfiguration; names the key or the file, and its line
 *
 * Return: 0 or -1.
 */
int config_check_credentials(const struct config *cfg, struct fault *f)
{
	struct credential_plan *plan = credential_plan_make(cfg, f);

	credential_plan_free(plan);
	if (plan)
		return 0;
	/* The environment has no line, and a cluster's own profile is not in the file. */
	if (!*cfg->credentials_file || !strstr(f->message, cfg->credentials_file))
		return -1;
	if (access(cfg->credentials_file, R_OK))
		config_place(cfg, "CredentialsFile", f);
	else if (!cfg->profile_alone)
		config_place(cfg, "Profile", f);
	return -1;
}

static int check_login(const struct config *cfg, struct fault *f)
{
	struct proxy_login login;
	int r = proxy_login_load(cfg, &login, f);

	explicit_bzero(&login, sizeof(login));
	return r;
}

static int check_audit(const struct config *cfg, struct fault *f)
{
	return append_file_check(cfg->audit_file, false, f);
}

static const struct {
	const char *key; /* NULL: the check places its fault by itself */
	int (*check)(const struct config *cfg, struct fault *f);
} checks[] = {
	{ "ProxyCredentialsFile", check_login },
	{ "CaFile", check_ca },
	{ "Worker", check_worker },
	{ NULL, config_check_credentials },
	{ "AuditFile", check_audit },
};

/**
 * config_check_files() - check the files that the configuration names, without a call to the KMS
 * @cfg: from config_load() or config_load_all()
 * @all: takes all faults. InvalidConfiguration; names the key or the file, and its line
 *
 * Return: 0 or -1.
 */
int config_check_files(const struct config *cfg, struct faults *all)
{
	unsigned int before = all->count;
	struct fault f;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		if (checks[i].check(cfg, &f) == 0)
			continue;
		if (checks[i].key)
			config_place(cfg, checks[i].key, &f);
		faults_add(all, &f);
	}
	return all->count > before ? -1 : 0;
}

/**
 * config_check_load_all() - load the configuration and check it, as the agent does before it counts
 * @path, @cfg: as for config_load_all()
 * @all: takes all faults
 *
 * Return: 0 or -1.
 */
int config_check_load_all(const char *path, struct config *cfg, struct faults *all)
{
	int r = config_load_all(path, cfg, all);

	/* If nothing was read, the files are those of the defaults, which nobody chose. */
	if (r < 0 && !cfg->line_count)
		return -1;
	return config_check_files(cfg, all) < 0 ? -1 : r;
}

/**
 * config_check_load() - as config_check_load_all(), for a caller that needs one fault
 * @cfg: filled unless there is a fault; release with config_free()
 * @f: the first fault, and the number of the others
 *
 * Return: 0 or -1.
 */
int config_check_load(const char *path, struct config *cfg, struct fault *f)
{
	struct faults all = { .each = faults_quiet };

	if (config_check_load_all(path, cfg, &all) == 0)
		return 0;
	faults_sum_up(&all, f);
	config_free(cfg);
	return -1;
}
