// SPDX-License-Identifier: MIT
/*
 * Reading the settings.
 *
 * Must never guess: an unknown key, an unknown option or a bad value is an error.
 */
#include "kms/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/regions.h"
#include "lib/base/arn.h"
#include "lib/base/ini.h"
#include "lib/base/text.h"

#define OWNED SIZE_MAX

struct setting {
	const char *key;    /* in kms.conf */
	const char *option; /* on the command line */
	size_t offset;
	size_t size; /* 0: listen_tcp, a port; OWNED: a string of its own */
	const char *fallback;
	const char *help;
	bool (*valid)(const char *value);
	const char *wrong; /* follows "KEY 'VALUE' " of a value that is not valid */
};

#define CHECKED(key, option, field, fallback, help, valid, wrong)                           \
	{                                                                                   \
		key, option, offsetof(struct settings, field),                              \
			sizeof(((struct settings *)0)->field), fallback, help, valid, wrong \
	}
#define TEXT(key, option, field, fallback, help) \
	CHECKED(key, option, field, fallback, help, NULL, NULL)
#define PATH(key, option, field, fallback, help)                                                 \
	{                                                                                        \
		key, option, offsetof(struct settings, field), OWNED, fallback, help, NULL, NULL \
	}

static const struct setting table[] = {
	CHECKED("Region", "region", region, "us-east-1",
		"NAME      region of this KMS, and the first one that it serves", arn_valid_region,
		"is not a region. Give a name such as us-east-1."),
	{ "OtherRegions", "other-regions", offsetof(struct settings, other_regions), OWNED, "",
	  "NAMES further regions, with spaces between", regions_valid,
	  "has a name that is no region. Give names such as eu-west-1, with spaces between." },
	CHECKED("AccountId", "account", account, "123456789012",
		"DIGITS   account of its principals", arn_valid_account,
		"is not an account. Give 12 digits."),
	TEXT("ListenUnix", "listen-unix", listen_unix, "/run/envelope-kms/kms.sock",
	     "PATH unix socket; '' for none"),
	{ "ListenTcp", "listen-tcp", offsetof(struct settings, listen_tcp), 0, "8443",
	  "PORT  TLS port on 127.0.0.1; 0 for none", NULL, NULL },
	PATH("StateDirectory", "state-dir", state_directory, "/var/lib/envelope-kms",
	     "PATH   key store and TLS certificate"),
	PATH("RootKeyFile", "root-key", root_key, "/etc/envelope/kms-root.key",
	     "PATH    root key that seals the key store"),
	PATH("CredentialsFile", "credentials", credentials, "/etc/envelope/credentials",
	     "PATH access keys of the principals"),
	PATH("AuditFile", "audit-file", audit_file, "/var/log/envelope/kms-audit.jsonl",
	     "PATH  audit trail"),
	PATH("CounterFile", "counter-file", counter, "",
	     "PATH counter of changes; '' for StateDirectory-counter/kms.counter"),
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

enum {
	OPTION_FIRST = 256, /* table rows count from here */
	OPTION_CONFIG = 512,
	OPTION_INIT,
	OPTION_NEW_STORE,
	OPTION_ACCEPT_ROLLBACK,
	OPTION_CHECK_CONFIG,
};

static int set_port(unsigned int *port, const char *value, struct fault *f)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || end == value || *end != '\0' || number > 65535)
		return fault_set(f, "InvalidConfiguration",
				 "'%.32s' is not a port. Give a number from 0 to 65535.", value);
	*port = (unsigned int)number;
	return 0;
}

static int set_path(char **path, const char *value, struct fault *f)
{
	char *copy = strdup(value);

	if (!copy)
		return fault_set(f, "InternalFailure", "Out of memory.");
	free(*path);
	*path = copy;
	return 0;
}

static int set(struct settings *settings, const struct setting *row, const char *value,
	       struct fault *f)
{
	void *field = (char *)settings + row->offset;

	if (row->size == 0)
		return set_port(field, value, f);
	if (row->valid && !row->valid(value))
		return fault_set(f, "InvalidConfiguration", "%s '%.64s' %s", row->key, value,
				 row->wrong);
	if (row->size == OWNED)
		return set_path(field, value, f);
	if (strlen(value) >= row->size)
		return fault_set(f, "InvalidConfiguration",
				 "%s is too long. Give at most %zu characters.", row->key,
				 row->size - 1);
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

static int entry(const char *section, const char *key, const char *value, void *userdata,
		 struct fault *f)
{
	size_t i;

	if (*section != '\0')
		return fault_set(f, "InvalidConfiguration",
				 "This file has no sections. Remove the line.");
	for (i = 0; i < TABLE_SIZE; i++)
		if (!strcmp(table[i].key, key))
			return set(userdata, &table[i], value, f);
	return fault_set(f, "InvalidConfiguration", "Unknown key %.64s. See envelope-kms(8).", key);
}

static void print_help(void)
{
	size_t i;

	puts("Usage: envelope-kms [OPTION]...\n"
	     "       envelope-kms audit verify [--output json] [--first NUMBER] [OPTION]...\n"
	     "       envelope-kms audit lookup [SELECTOR]... [--max-items NUMBER] [OPTION]...\n"
	     "       envelope-kms store backup|restore --file FILE [OPTION]...\n"
	     "The embedded KMS of dm-envelope: serves the AWS KMS API (JSON 1.1, SigV4).\n\n"
	     "  audit verify       check the chain of the audit trail and of its moved files\n"
	     "  --output FORMAT    text or json (text)\n"
	     "  --first NUMBER     earlier records were deleted on purpose\n"
	     "  audit lookup       print the records that match each selector:\n"
	     "                     --event-name NAME, --key-id KEY, --principal WHO, --error-code CODE,\n"
	     "                     --start-time TIME, --end-time TIME\n"
	     "  --max-items NUMBER records at most\n"
	     "  store backup       copy the key store to a new file, also beside a running KMS\n"
	     "  store restore      put a copy in place of the key store, while no KMS runs\n"
	     "  --file FILE        the copy\n\n"
	     "  --init             make root key, key store, TLS certificate and credentials, then exit\n"
	     "  --new-store        begin an empty key store under a root key that exists\n"
	     "  --accept-rollback  take an old copy of the key store for the present one, then exit\n"
	     "  --check-config     check the settings, and the files they name, then exit\n"
	     "  --config PATH      settings (default /etc/envelope/kms.conf)");
	for (i = 0; i < TABLE_SIZE; i++)
		printf("  --%s %s (%s=%s)\n", table[i].option, table[i].help, table[i].key,
		       table[i].fallback);
	puts("  --help             show this\n"
	     "  --version          show the version\n\n"
	     "The first start makes root key, key store, certificate and credentials, if they are\n"
	     "missing.\n"
	     "Exit status: 0 stopped by a signal, 1 failure, 2 wrong usage or configuration.\n"
	     "See envelope-kms(8).");
}

static void make_options(struct option options[TABLE_SIZE + 8])
{
	size_t i;

	for (i = 0; i < TABLE_SIZE; i++)
		options[i] = (struct option){ table[i].option, required_argument, NULL,
					      OPTION_FIRST + (int)i };
	options[i++] = (struct option){ "config", required_argument, NULL, OPTION_CONFIG };
	options[i++] = (struct option){ "init", no_argument, NULL, OPTION_INIT };
	options[i++] = (struct option){ "new-store", no_argument, NULL, OPTION_NEW_STORE };
	options[i++] = (struct option){ "accept-rollback", no_argument, NULL,
					OPTION_ACCEPT_ROLLBACK };
	options[i++] = (struct option){ "check-config", no_argument, NULL, OPTION_CHECK_CONFIG };
	options[i++] = (struct option){ "help", no_argument, NULL, 'h' };
	options[i++] = (struct option){ "version", no_argument, NULL, 'V' };
	options[i] = (struct option){ 0 };
}

/* Called twice: before the file is read, for --config; after it, for all other options. */
static int read_options(int argc, char **argv, struct settings *settings, bool config_only,
			struct fault *f)
{
	struct option options[TABLE_SIZE + 8];
	int option;

	make_options(options);
	optind = 1;
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			exit(EXIT_SUCCESS);
		} else if (option == 'V') {
			puts("envelope-kms " ENVELOPE_VERSION);
			exit(EXIT_SUCCESS);
		} else if (option == '?') {
			return fault_set(f, "Usage", "See envelope-kms --help.");
		} else if (option == OPTION_CONFIG) {
			if (set_path(&settings->config, optarg, f))
				return -1;
		} else if (option == OPTION_INIT) {
			settings->init = true;
		} else if (option == OPTION_NEW_STORE) {
			settings->new_store = true;
		} else if (option == OPTION_ACCEPT_ROLLBACK) {
			settings->accept_rollback = true;
		} else if (option == OPTION_CHECK_CONFIG) {
			settings->check_config = true;
		} else if (!config_only &&
			   set(settings, &table[option - OPTION_FIRST], optarg, f)) {
			return -1;
		}
	}
	if (optind < argc)
		return fault_set(f, "Usage",
				 "Unexpected argument '%.64s'. See envelope-kms --help.",
				 argv[optind]);
	return 0;
}

/* Not in StateDirectory, also if that ends with a slash: both would be restored together. */
static int put_counter_beside(struct settings *settings, struct fault *f)
{
	_cleanup_text_ char *counter = NULL;
	size_t size = strlen(settings->state_directory);

	while (size > 1 && settings->state_directory[size - 1] == '/')
		size--;
	counter = text_format("%.*s-counter/kms.counter", (int)size, settings->state_directory);
	if (!counter)
		return fault_set(f, "InternalFailure", "Out of memory.");
	return set_path(&settings->counter, counter, f);
}

/* Reads the file and the command line. @f: the last fault; the others go to @all */
static int read_all(int argc, char **argv, struct settings *settings, struct faults *all,
		    struct fault *f)
{
	const bool named = settings->config && settings->config[0];
	const char *path = named ? settings->config : "/etc/envelope/kms.conf";
	struct fault option;
	int r = ini_read_all(path, entry, settings, NULL, all, f);
	bool wrong = r && (r != -ENOENT || named);

	if (read_options(argc, argv, settings, false, &option)) {
		if (wrong)
			faults_add(all, f);
		*f = option;
		wrong = true;
	}
	if (!settings->counter[0] && put_counter_beside(settings, &option)) {
		if (wrong)
			faults_add(all, f);
		*f = option;
		wrong = true;
	}
	settings->regions = regions_make(settings->region, settings->other_regions);
	if (!settings->regions && !wrong)
		wrong = fault_set(f, "InternalFailure", "Out of memory.");
	return wrong ? -1 : 0;
}

/**
 * settings_compare() - hand each key with two different values to @each
 * @userdata: for @each
 */
void settings_compare(const struct settings *one, const struct settings *other,
		      settings_differ_t each, void *userdata)
{
	char first[12], second[12];
	size_t i;

	for (i = 0; i < TABLE_SIZE; i++) {
		const char *a = (const char *)one + table[i].offset;
		const char *b = (const char *)other + table[i].offset;

		if (table[i].size == 0) {
			snprintf(first, sizeof(first), "%u", *(const unsigned int *)a);
			snprintf(second, sizeof(second), "%u", *(const unsigned int *)b);
			a = first;
			b = second;
		} else if (table[i].size == OWNED) {
			a = *(char *const *)a;
			b = *(char *const *)b;
		}
		if (strcmp(a, b))
			each(table[i].key, a, b, userdata);
	}
}

/**
 * settings_read() - read kms.conf and the command line
 * @settings: filled; after InternalFailure in part, after another fault with all that has none; for
 *	settings_free() in any case
 * @all: takes all faults but the last one, which is in @f
 * @f: Usage or InvalidConfiguration
 *
 * Prints and exits for --help and --version.
 *
 * Return: 0 or -1.
 */
int settings_read(int argc, char **argv, struct settings *settings, struct faults *all,
		  struct fault *f)
{
	size_t i;

	memset(settings, 0, sizeof(*settings));
	for (i = 0; i < TABLE_SIZE; i++)
		if (set(settings, &table[i], table[i].fallback, f))
			return -1;
	if (read_options(argc, argv, settings, true, f))
		return -1;
	if (settings->check_config &&
	    (settings->init || settings->new_store || settings->accept_rollback))
		return fault_set(f, "Usage",
				 "--check-config makes nothing. Give it without --init, --new-store and --accept-rollback.");
	if (settings->accept_rollback && (settings->init || settings->new_store))
		return fault_set(f, "Usage",
				 "--accept-rollback is for a key store that exists. Give it without --init and --new-store.");
	return read_all(argc, argv, settings, all, f);
}

/** settings_free() - free the strings; once more is fine */
void settings_free(struct settings *settings)
{
	for (size_t i = 0; i < TABLE_SIZE; i++)
		if (table[i].size == OWNED)
			text_freep((char **)((char *)settings + table[i].offset));
	text_freep(&settings->config);
	regions_free(settings->regions);
	settings->regions = NULL;
}
