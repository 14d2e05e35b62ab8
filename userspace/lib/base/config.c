// SPDX-License-Identifier: MIT
/*
 * The configuration, read at start and at a reload.
 *
 * Must never half-apply a file: on any fault the caller gets nothing.
 */

#include "lib/base/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/config_values.h"
#include "lib/base/endpoint.h"
#include "lib/base/ini.h"

#define TIMEOUT_DEFAULT 5 /* seconds; less when the lease is short */

enum option_kind {
	OPTION_TEXT,
	OPTION_NUMBER,
};

/**
 * struct option - a key
 * @fallback, @judge: of OPTION_TEXT; @judge may be NULL
 * @least, @most, @number, @unit: of OPTION_NUMBER; @number is the default
 * @aside: does not decide which KMS is asked, and for whom
 */
struct option {
	const char *key;
	enum option_kind kind;
	size_t offset; /* in struct config */
	const char *fallback;
	int (*judge)(const char *value, struct fault *f);
	unsigned int least, most, number;
	const char *unit;
	bool aside;
};

#define TEXT(name, field, value)                                                         \
	{                                                                                \
		.key = name, .offset = offsetof(struct config, field), .fallback = value \
	}
#define JUDGED(name, field, value, judge_, aside_)                                        \
	{                                                                                 \
		.key = name, .offset = offsetof(struct config, field), .fallback = value, \
		.judge = judge_, .aside = aside_                                          \
	}
#define NUMBER(name, field, low, high, value, unit_)                                          \
	{                                                                                     \
		.key = name, .kind = OPTION_NUMBER, .offset = offsetof(struct config, field), \
		.least = low, .most = high, .number = value, .unit = unit_, .aside = true     \
	}
#define SECONDS(name, field, low, high, value) NUMBER(name, field, low, high, value, "seconds")

static const struct option options[] = {
	JUDGED("Region", region, "us-east-1", config_judge_region, false),
	JUDGED("AccountId", account_id, "123456789012", config_judge_account, false),
	JUDGED("KmsEndpoint", kms_endpoint, "unix:/run/envelope-kms/kms.sock", endpoint_check,
	       false),
	TEXT("CaFile", ca_file, ""),
	JUDGED("Proxy", proxy, "", config_judge_proxy, false),
	JUDGED("NoProxy", no_proxy, "", config_judge_no_proxy, false),
	TEXT("ProxyCredentialsFile", proxy_credentials_file, ""),
	TEXT("CredentialsFile", credentials_file, "/etc/envelope/credentials"),
	TEXT("Profile", profile, "enveloped"),
	TEXT("StateDirectory", state_directory, CONFIG_STATE_DIRECTORY),
	TEXT("AgentSocket", agent_socket, CONFIG_AGENT_SOCKET),
	TEXT("ReadOnlyGroup", read_only_group, "envelope-monitor"),
	TEXT("AuditFile", audit_file, "/var/log/envelope/audit.jsonl"),
	TEXT("Worker", worker, ""),
	SECONDS("LeaseSeconds", lease_seconds, 5, 3600, 60),
	SECONDS("RenewSeconds", renew_seconds, 1, 3600, 0),
	SECONDS("KmsTimeoutSeconds", kms_timeout_seconds, 1, 300, 0),
	SECONDS("RecoveryWindowSeconds", recovery_window_seconds, 0, 604800, 0),
	JUDGED("RestartAfterLeaseEnd", restart_after_lease_end, "boot", config_judge_restart, true),
	JUDGED("Fencing", fencing, "auto", config_judge_fencing, true),
	SECONDS("DeviceTimeoutSeconds", device_timeout_seconds, 1, 3600, 60),
	NUMBER("MaxDenials", max_denials, 0, CONFIG_DENIALS_MAX, 3, "keys"),
	NUMBER("SnapshotQuota", snapshot_quota, 0, 100000, 100, "snapshots"),
	SECONDS("SnapshotHoldSeconds", snapshot_hold_seconds, 1, 60, 2),
};

_Static_assert(sizeof(options) / sizeof(options[0]) == CONFIG_KEYS, "a line for each key");

/**
 * struct reading - of a file
 * @line: that is read
 * @aside: lines with a fault whose key does not decide which KMS is asked
 * @settings: lines that set a key
 * @numbers: a number has a fault, so a default stands in for it
 */
struct reading {
	struct config *cfg;
	unsigned int line;
	unsigned int aside;
	unsigned int settings;
	bool numbers;
};

#define OPTION_COUNT CONFIG_KEYS

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
	char *copy;

	if (o->judge && o->judge(value, f))
		return -1;
	copy = strdup(value);
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

/* With its default in place of such a number, a cluster could be lost for good. */
static void take_careful(struct config *cfg, const struct option *o)
{
	if (o->offset == offsetof(struct config, recovery_window_seconds))
		cfg->recovery_window_seconds = o->most;
	else if (o->offset == offsetof(struct config, max_denials))
		cfg->max_denials = o->least;
}

static int take_entry(struct reading *reading, size_t at, const char *value, struct fault *f)
{
	const struct option *o = &options[at];
	int r = o->kind == OPTION_NUMBER ? set_number(reading->cfg, o, value, f)
					 : set_text(reading->cfg, o, value, f);

	if (r == 0) {
		reading->cfg->lines[at] = reading->line;
		reading->settings++;
	} else {
		reading->aside += o->aside;
		take_careful(reading->cfg, o);
	}
	reading->numbers |= r && o->kind == OPTION_NUMBER;
	return r;
}

static int config_entry(const char *section, const char *key, const char *value, void *userdata,
			struct fault *f)
{
	if (*section != '\0')
		return fault_set(f, "InvalidConfiguration",
				 "This file has no sections. Remove the line.");
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (!strcmp(options[i].key, key))
			return take_entry(userdata, i, value, f);
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

/* Unanswered calls to all addresses in turn must leave time for an answer before the lease ends. */
static int check_silence(const struct config *cfg, struct fault *f)
{
	size_t count = endpoint_count(cfg->kms_endpoint);
	unsigned int left = left_at_renewal(cfg);

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

/**
 * config_check_endpoints() - judge the addresses of the KMS, and the time that their silence takes
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int config_check_endpoints(const struct config *cfg, struct fault *f)
{
	return endpoint_check(cfg->kms_endpoint, f) || check_silence(cfg, f) ? -1 : 0;
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

/* The line of a key, 0 if the file does not have it. */
static unsigned int line_of(const struct config *cfg, const char *key)
{
	size_t i = 0;

	while (i < OPTION_COUNT && strcmp(options[i].key, key))
		i++;
	return i < OPTION_COUNT ? cfg->lines[i] : 0;
}

/**
 * config_place() - put the file and the line of a key in front of a fault
 * @key: nothing is done for a key that is not in the file
 * @f: a fault in the value of the key, or in the file that it names
 */
void config_place(const struct config *cfg, const char *key, struct fault *f)
{
	unsigned int line = line_of(cfg, key);
	struct fault bare = *f;

	if (line)
		fault_set(f, bare.code, "%.200s:%u: %.540s", cfg->file, line, bare.message);
}

/**
 * config_take_default() - put the default of a text in place of its value
 *
 * Return: 1, 0 if it is the value already, or -1 without memory.
 */
int config_take_default(struct config *cfg, const char *key)
{
	size_t i = 0;

	while (strcmp(options[i].key, key))
		i++;
	if (!strcmp(*text_of(cfg, &options[i]), options[i].fallback))
		return 0;
	return set_text(cfg, &options[i], options[i].fallback, NULL) < 0 ? -1 : 1;
}

/* @other: named if the file does not have @key */
static void add_placed(const struct config *cfg, const char *key, const char *other,
		       struct fault *f, struct faults *all)
{
	config_place(cfg, line_of(cfg, key) ? key : other, f);
	faults_add(all, f);
}

/* What one line alone does not show. Puts defaults in the place of values that do not fit. */
static void settle(struct config *cfg, struct faults *all)
{
	struct fault f;

	if (cfg->renew_seconds >= cfg->lease_seconds) {
		fault_set(&f, "InvalidConfiguration",
			  "RenewSeconds=%u must be less than LeaseSeconds=%u.", cfg->renew_seconds,
			  cfg->lease_seconds);
		add_placed(cfg, "RenewSeconds", "LeaseSeconds", &f, all);
		cfg->renew_seconds = 0;
	}
	if (cfg->renew_seconds == 0)
		cfg->renew_seconds = cfg->lease_seconds / 3;
	default_timeout(cfg);
	if (check_silence(cfg, &f) == 0)
		return;
	add_placed(cfg, "KmsTimeoutSeconds", "KmsEndpoint", &f, all);
	cfg->kms_timeout_seconds = 0;
	default_timeout(cfg);
}

/**
 * config_load_all() - defaults, then the file; a line with a fault does not end the reading
 * @path: NULL takes ENVELOPE_CONFIG of the environment, else CONFIG_PATH; a missing file is an
 * error only if the caller or the environment named it
 * @cfg: filled, also after a fault, with @makeshift set; all zero without memory. Release with
 * config_free()
 * @all: takes all faults. InvalidConfiguration: names the file, the line and a valid value
 *
 * Return: 0 or -1.
 */
int config_load_all(const char *path, struct config *cfg, struct faults *all)
{
	struct faults quiet = { .each = faults_quiet };
	struct reading reading = { .cfg = cfg };
	unsigned int before = all->count;
	bool named = true;
	struct fault f;
	int r;

	if (!path)
		path = getenv("ENVELOPE_CONFIG");
	if (!path) {
		path = CONFIG_PATH;
		named = false;
	}
	if (config_defaults(cfg, &f) || !(cfg->file = strdup(path))) {
		fault_set(&f, "InternalFailure", "Out of memory.");
		faults_add(all, &f);
		config_free(cfg);
		return -1;
	}
	r = ini_read_all(path, config_entry, &reading, &reading.line, all, &f);
	if (r && (r != -ENOENT || named))
		faults_add(all, &f);
	cfg->missing = r == -ENOENT;
	cfg->line_count = reading.line;
	cfg->unset = all->count == before && !reading.settings;
	cfg->no_calls = all->count - before > reading.aside;
	/* A default that does not fit the other numbers is no fault of the file. */
	settle(cfg, reading.numbers ? &quiet : all);
	cfg->makeshift = all->count > before;
	return cfg->makeshift ? -1 : 0;
}

/**
 * config_load() - as config_load_all(), for a caller that needs one fault and no makeshift
 * @cfg: filled unless there is a fault
 * @f: the first fault
 *
 * Return: 0 or -1.
 */
int config_load(const char *path, struct config *cfg, struct fault *f)
{
	struct faults all = { .each = faults_quiet };

	if (config_load_all(path, cfg, &all) == 0)
		return 0;
	if (f)
		*f = all.first;
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

/* Return: whether there was memory. */
static bool copy_text(char **text)
{
	bool was = *text;

	if (was)
		*text = strdup(*text);
	return !was || *text;
}

/**
 * config_copy() - copy a configuration
 * @ret: for config_free(), also after a failure
 *
 * Return: 0, or -1 without memory.
 */
int config_copy(const struct config *cfg, struct config *ret)
{
	bool whole;

	*ret = *cfg;
	whole = copy_text(&ret->file);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (options[i].kind == OPTION_TEXT)
			whole &= copy_text(text_of(ret, &options[i]));
	if (whole)
		return 0;
	config_free(ret);
	return -1;
}

void config_free(struct config *cfg)
{
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (options[i].kind == OPTION_TEXT)
			free(*text_of(cfg, &options[i]));
	free(cfg->file);
	memset(cfg, 0, sizeof(*cfg));
}
