// SPDX-License-Identifier: MIT
/* Checks of KmsEndpoint=, CaFile=, CredentialsFile=, Profile= and Worker=. */
#include "lib/kms/config_check.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/kms/credential_chain.h"
#include "lib/kms/worker_process.h"
#include "lib/kms/worker_protocol.h"

static int endpoint_fault(const struct config *cfg, const char *what, struct fault *f)
{
	return fault_set(f, "InvalidConfiguration", "KmsEndpoint=%.200s is not valid: %s.",
			 cfg->kms_endpoint, what);
}

/* @text: what follows the host */
static int check_port(const struct config *cfg, const char *text, struct fault *f)
{
	char *end = (char *)text;
	unsigned long port = 443;

	if (*text == ':')
		port = strtoul(text + 1, &end, 10);
	if (port < 1 || port > 65535 || (*end && strcmp(end, "/")))
		return endpoint_fault(cfg, "give a port of 1 to 65535, and nothing after it", f);
	return 0;
}

static int check_endpoint(const struct config *cfg, struct fault *f)
{
	static const char name[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	const char *host = cfg->kms_endpoint + strlen("https://");
	size_t size;

	if (!strncmp(cfg->kms_endpoint, "unix:", 5)) {
		if (strlen(cfg->kms_endpoint + 5) < sizeof(((struct sockaddr_un *)0)->sun_path))
			return 0;
		return endpoint_fault(cfg, "the path of a socket has at most 107 bytes", f);
	}
	if (*host == '[') {
		size = strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (!size || host[size + 1] != ']')
			return endpoint_fault(cfg, "write an IPv6 address as [ADDRESS]", f);
		return check_port(cfg, host + size + 2, f);
	}
	size = strspn(host, name);
	if (!size)
		return endpoint_fault(cfg, "the name of the host is missing", f);
	return check_port(cfg, host + size, f);
}

static int ca_fault(const struct config *cfg, const char *what, struct fault *f)
{
	return fault_set(f, "InvalidConfiguration", "CaFile=%.200s %s.", cfg->ca_file, what);
}

static int check_ca(const struct config *cfg, struct fault *f)
{
	size_t count = 0;
	X509 *certificate;
	struct stat st;
	FILE *file;

	if (!*cfg->ca_file)
		return 0;
	file = fopen(cfg->ca_file, "re");
	if (!file || fstat(fileno(file), &st)) {
		fault_set(f, "InvalidConfiguration", "CaFile=%.200s cannot be opened: %s.",
			  cfg->ca_file, strerror(errno));
		if (file)
			fclose(file);
		return -1;
	}
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

	if (check_endpoint(cfg, f) || check_ca(cfg, f) || check_worker(cfg, f))
		return -1;
	plan = credential_plan_make(cfg, f);
	credential_plan_free(plan);
	return plan ? 0 : -1;
}
