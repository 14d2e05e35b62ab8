// SPDX-License-Identifier: MIT
/* Checks of ProxyCredentialsFile=, CaFile=, CredentialsFile=, Profile= and Worker=. */
#include "lib/kms/config_check.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
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
 * config_check_kms() - check all that a call to the KMS needs, without a call
 * @cfg: from config_load()
 * @f: InvalidConfiguration; names the key or the file, and its line
 *
 * Return: 0 or -1.
 */
int config_check_kms(const struct config *cfg, struct fault *f)
{
	struct credential_plan *plan;
	struct proxy_login login;
	int r = proxy_login_load(cfg, &login, f);

	explicit_bzero(&login, sizeof(login));
	if (r || check_ca(cfg, f) || check_worker(cfg, f))
		return -1;
	plan = credential_plan_make(cfg, f);
	credential_plan_free(plan);
	return plan ? 0 : -1;
}

/**
 * config_check_load() - load the configuration and check it, as the agent does before it counts
 * @path: as for config_load()
 * @cfg: filled; release with config_free()
 * @f: InvalidConfiguration; names the file and the line, or the key
 *
 * Return: 0 or -1.
 */
int config_check_load(const char *path, struct config *cfg, struct fault *f)
{
	if (config_load(path, cfg, f) < 0)
		return -1;
	if (config_check_kms(cfg, f) == 0)
		return 0;
	config_free(cfg);
	return -1;
}
