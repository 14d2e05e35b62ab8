// SPDX-License-Identifier: MIT
/*
 * Configuration and credentials, read once at start.
 *
 * Must never half-apply a file: on any fault the caller gets nothing.
 */

#include "lib/base/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/arn.h"
#include "lib/base/credential_text.h"
#include "lib/base/endpoint.h"
#include "lib/base/ini.h"

#define TIMEOUT_DEFAULT 5 /* seconds; less when the lease is short */

enum option_kind {
	OPTION_TEXT,
	OPTION_NUMBER,
};

struct option {
	const char *key;
	enum option_kind kind;
	size_t offset;		  /* in struct config */
	const char *fallback;	  /* OPTION_TEXT */
	unsigned int least, most; /* OPTION_NUMBER */
	unsigned int number;	  /* OPTION_NUMBER: the default */
	const char *unit;	  /* OPTION_NUMBER */
};

#define TEXT(name, field, value)                                                        \
	{                                                                               \
		name, OPTION_TEXT, offsetof(struct config, field), value, 0, 0, 0, NULL \
	}
#define SECONDS(name, field, low, high, value)                                               \
	{                                                                                    \
		name, OPTION_NUMBER, offsetof(struct config, field), NULL, low, high, value, \
			"seconds"                                                            \
	}

static const struct option options[] = {
	TEXT("Region", region, "us-east-1"),
	TEXT("AccountId", account_id, "123456789012"),
	TEXT("KmsEndpoint", kms_endpoint, "unix:/run/envelope-kms/kms.sock"),
	TEXT("CaFile", ca_file, ""),
	TEXT("Proxy", proxy, ""),
	TEXT("NoProxy", no_proxy, ""),
	TEXT("ProxyCredentialsFile", proxy_credentials_file, ""),
	TEXT("CredentialsFile", credentials_file, "/etc/envelope/credentials"),
	TEXT("Profile", profile, "enveloped"),
	TEXT("StateDirectory", state_directory, "/var/lib/envelope"),
	TEXT("AgentSocket", agent_socket, "/run/envelope/agent.sock"),
	TEXT("ReadOnlyGroup", read_only_group, "envelope-monitor"),
	TEXT("AuditFile", audit_file, "/var/log/envelope/audit.jsonl"),
	TEXT("Worker", worker, ""),
	SECONDS("LeaseSeconds", lease_seconds, 5, 3600, 60),
	SECONDS("RenewSeconds", renew_seconds, 1, 3600, 0),
	SECONDS("KmsTimeoutSeconds", kms_timeout_seconds, 1, 300, 0),
	SECONDS("RecoveryWindowSeconds", recovery_window_seconds, 0, 604800, 0),
	TEXT("RestartAfterLeaseEnd", restart_after_lease_end, "boot"),
	TEXT("Fencing", fencing, "auto"),
	SECONDS("DeviceTimeoutSeconds", device_timeout_seconds, 1, 3600, 60),
	{ "MaxDenials", OPTION_NUMBER, offsetof(struct config, max_denials), NULL, 0,
	  CONFIG_DENIALS_MAX, 3, "keys" },
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static char **text_of(struct config *cfg, const struct option *o)
{
	return (char **)((char *)cfg + o->offset);
}

static unsigned int *number_of(struct config *cfg, const struct option *o)
{
	return (unsigned int *)((char *)cfg + o->offset);
}

static int set_text(struct config *cfg, const struct option *o, const char *value, struct fault *f)
{
	char *copy = strdup(value);

	if (!copy)
		return fault_set(f, "InternalFailure", "Out of memory.");
	free(*text_of(cfg, o));
	*text_of(cfg, o) = copy;
	return 0;
}

static int set_number(struct config *cfg, const struct option *o, const char *value,
		      struct fault *f)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || end == value || *end != '\0' || value[0] == '-' || number < o->least ||
	    number > o->most)
		return fault_set(f, "InvalidConfiguration",
				 "%s=%.64s is not valid. Give %u to %u %s.", o->key, value,
				 o->least, o->most, o->unit);
	*number_of(cfg, o) = (unsigned int)number;
	return 0;
}

static int config_entry(const char *section, const char *key, const char *value, void *userdata,
			struct fault *f)
{
	struct config *cfg = userdata;
	size_t i;

	if (*section != '\0')
		return fault_set(f, "InvalidConfiguration",
				 "This file has no sections. Remove the line.");
	for (i = 0; i < OPTION_COUNT; i++) {
		if (strcmp(options[i].key, key))
			continue;
		if (options[i].kind == OPTION_NUMBER)
			return set_number(cfg, &options[i], value, f);
		return set_text(cfg, &options[i], value, f);
	}
	return fault_set(f, "InvalidConfiguration",
			 "The key %.64s is unknown. envelope.conf(5) lists the keys.", key);
}

static int config_defaults(struct config *cfg, struct fault *f)
{
	size_t i;

	memset(cfg, 0, sizeof(*cfg));
	for (i = 0; i < OPTION_COUNT; i++) {
		if (options[i].kind == OPTION_NUMBER)
			*number_of(cfg, &options[i]) = options[i].number;
		else if (set_text(cfg, &options[i], options[i].fallback, f))
			return -1;
	}
	return 0;
}

/* Seconds of a lease that are left at a renewal. */
static unsigned int left_at_renewal(const struct config *cfg)
{
	unsigned int third = cfg->lease_seconds / 3;

	return cfg->lease_seconds - (cfg->renew_seconds < third ? cfg->renew_seconds : third);
}

/**
 * config_check_endpoints() - judge the addresses of the KMS, and the time that their silence takes
 * @f: InvalidConfiguration
 *
 * Unanswered calls to all addresses in turn must leave time for an answer before the lease ends.
 *
 * Return: 0 or -1.
 */
int config_check_endpoints(const struct config *cfg, struct fault *f)
{
	size_t count = endpoint_count(cfg->kms_endpoint);
	unsigned int left = left_at_renewal(cfg);

	if (endpoint_check(cfg->kms_endpoint, f))
		return -1;
	if (count * cfg->kms_timeout_seconds < left)
		return 0;
	if (count == 1)
		return fault_set(f, "InvalidConfiguration",
				 "KmsTimeoutSeconds=%u must be less than %u. Otherwise one unanswered KMS call ends a lease: LeaseSeconds=%u, and %u seconds are left at the renewal.",
				 cfg->kms_timeout_seconds, left, cfg->lease_seconds, left);
	return fault_set(f, "InvalidConfiguration",
			 "KmsTimeoutSeconds=%u for each of %zu endpoints must be less than %u in all. Otherwise unanswered KMS calls end a lease: LeaseSeconds=%u, and %u seconds are left at the renewal.",
			 cfg->kms_timeout_seconds, count, left, cfg->lease_seconds, left);
}

static void default_timeout(struct config *cfg)
{
	size_t count = endpoint_count(cfg->kms_endpoint);
	unsigned int share = left_at_renewal(cfg) / 2 / (count ? count : 1);

	if (cfg->kms_timeout_seconds)
		return;
	cfg->kms_timeout_seconds = share < TIMEOUT_DEFAULT ? share : TIMEOUT_DEFAULT;
	if (!cfg->kms_timeout_seconds)
		cfg->kms_timeout_seconds = 1;
}

static int config_check(struct config *cfg, const char *path, struct fault *f)
{
	struct fault wrong = { 0 };

	if (!arn_valid_region(cfg->region))
		return fault_set(f, "InvalidConfiguration",
				 "%s: Region=%.64s is not valid. Give a name such as us-east-1.",
				 path, cfg->region);
	if (!arn_valid_account(cfg->account_id))
		return fault_set(f, "InvalidConfiguration",
				 "%s: AccountId=%.64s is not valid. Give 12 digits.", path,
				 cfg->account_id);
	if (*cfg->proxy && endpoint_check_proxy(cfg->proxy, &wrong))
		return fault_set(f, wrong.code, "%s: %s", path, wrong.message);
	if (strcmp(cfg->restart_after_lease_end, "boot") &&
	    strcmp(cfg->restart_after_lease_end, "yes") &&
	    strcmp(cfg->restart_after_lease_end, "no"))
		return fault_set(f, "InvalidConfiguration",
				 "%s: RestartAfterLeaseEnd=%.64s is not valid. Give boot, yes or no.",
				 path, cfg->restart_after_lease_end);
	if (strcmp(cfg->fencing, "auto") && strcmp(cfg->fencing, "no"))
		return fault_set(f, "InvalidConfiguration",
				 "%s: Fencing=%.64s is not valid. Give auto or no.", path,
				 cfg->fencing);
	if (cfg->renew_seconds == 0)
		cfg->renew_seconds = cfg->lease_seconds / 3;
	if (cfg->renew_seconds >= cfg->lease_seconds)
		return fault_set(f, "InvalidConfiguration",
				 "%s: RenewSeconds=%u must be less than LeaseSeconds=%u.", path,
				 cfg->renew_seconds, cfg->lease_seconds);
	default_timeout(cfg);
	return config_check_endpoints(cfg, &wrong)
		       ? fault_set(f, wrong.code, "%s: %s", path, wrong.message)
		       : 0;
}

/**
 * config_load() - defaults, then the file
 * @path: NULL takes ENVELOPE_CONFIG of the environment, else CONFIG_PATH; a missing file is an
 * error only if the caller or the environment named it
 * @cfg: filled; release with config_free()
 * @f: InvalidConfiguration, names the file, the line and a valid value
 *
 * Return: 0 or -1.
 */
int config_load(const char *path, struct config *cfg, struct fault *f)
{
	bool named = true;
	int r;

	if (!path)
		path = getenv("ENVELOPE_CONFIG");
	if (!path) {
		path = CONFIG_PATH;
		named = false;
	}
	if (config_defaults(cfg, f))
		goto err_free;
	r = ini_read(path, config_entry, cfg, f);
	if (r && (r != -ENOENT || named))
		goto err_free;
	if (config_check(cfg, path, f))
		goto err_free;
	return 0;

err_free:
	config_free(cfg);
	return -1;
}

/**
 * config_text() - a file that config_load() reads as this configuration
 *
 * Return: malloc'd text, or NULL when out of memory.
 */
char *config_text(const struct config *cfg)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const char *field = (const char *)cfg + options[i].offset;

		if (options[i].kind == OPTION_NUMBER)
			fprintf(stream, "%s=%u\n", options[i].key, *(const unsigned int *)field);
		else
			fprintf(stream, "%s=%s\n", options[i].key, *(char *const *)field);
	}
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

void config_free(struct config *cfg)
{
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (options[i].kind == OPTION_TEXT)
			free(*text_of(cfg, &options[i]));
	memset(cfg, 0, sizeof(*cfg));
}

static int take_credential(char *field, size_t size, const char *value, struct fault *f)
{
	if (strlen(value) >= size)
		return fault_set(f, "InvalidConfiguration",
				 "The value has %zu bytes. Give at most %zu.", strlen(value),
				 size - 1);
	if (!credential_text_is_plain(value))
		return fault_set(f, "InvalidConfiguration",
				 "The value has a control character. Write the key or the token anew.");
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

static int credentials_entry(const char *section, const char *key, const char *value,
			     void *userdata, struct fault *f)
{
	struct credentials *c = userdata;

	if (!strcmp(key, "aws_access_key_id"))
		return take_credential(c->access_key, sizeof(c->access_key), value, f);
	if (!strcmp(key, "aws_secret_access_key"))
		return take_credential(c->secret_key, sizeof(c->secret_key), value, f);
	if (!strcmp(key, "aws_session_token"))
		return take_credential(c->session_token, sizeof(c->session_token), value, f);
	return 0; /* the AWS CLI's own keys, such as region */
}

/**
 * credentials_check_private() - a file that leads to credentials is its owner's alone
 * @f: InvalidConfiguration, says how to make the file when it is missing
 *
 * Return: 0 or -1.
 */
int credentials_check_private(const char *path, struct fault *f)
{
	struct stat st;

	if (stat(path, &st))
		return fault_set(f, "InvalidConfiguration",
				 "The credentials file %s cannot be read: %s. For the embedded KMS, envelope-kms --init makes the file.",
				 path, strerror(errno));
	if (st.st_mode & 077)
		return fault_set(f, "InvalidConfiguration",
				 "The credentials file %s is open to its group or to others. Run: chmod 600 %s",
				 path, path);
	return 0;
}

/**
 * credentials_load() - read one profile of an AWS shared-credentials file
 * @path: must not be accessible to group or others
 * @profile: section name
 * @c: filled; wipe with credentials_wipe()
 * @f: InvalidConfiguration, says how to make the file when it is missing
 *
 * Return: 0 or -1.
 */
int credentials_load(const char *path, const char *profile, struct credentials *c, struct fault *f)
{
	memset(c, 0, sizeof(*c));
	if (credentials_check_private(path, f))
		return -1;
	if (ini_read_section(path, profile, credentials_entry, c, f))
		goto err_wipe;
	if (!c->access_key[0] || !c->secret_key[0]) {
		fault_set(f, "InvalidConfiguration",
			  "%s: The profile [%s] needs aws_access_key_id and aws_secret_access_key.",
			  path, profile);
		goto err_wipe;
	}
	return 0;

err_wipe:
	credentials_wipe(c);
	return -1;
}

void credentials_wipe(struct credentials *c)
{
	explicit_bzero(c, sizeof(*c));
}
