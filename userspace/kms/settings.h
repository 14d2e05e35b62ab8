/* SPDX-License-Identifier: MIT */
/*
 * Settings of envelope-kms: defaults, then /etc/envelope/kms.conf, then the command line.
 *
 * Must never hold a secret: secrets are in files that only their owner can read.
 */
#ifndef ENVELOPE_KMS_SETTINGS_H
#define ENVELOPE_KMS_SETTINGS_H

#include <stdbool.h>

#include "lib/base/faults.h"

/** struct settings - its pointers are owned, and never NULL once read, save @config; settings_free() */
struct settings {
	char *config;	 /* --config; NULL without it */
	char region[32]; /* the first one */
	char *other_regions;
	char **regions; /* all of them; regions_make() */
	char account[13];
	char listen_unix[108];	 /* "" for none; the kernel takes no longer one, see unix(7) */
	unsigned int listen_tcp; /* port on 127.0.0.1; 0 for none */
	char *state_directory;
	char *root_key;
	char *credentials;
	char *audit_file;
	char *counter;	      /* file of the counter of changes */
	bool init;	      /* --init: make the missing files, then exit */
	bool new_store;	      /* --new-store: begin an empty key store */
	bool accept_rollback; /* --accept-rollback: take an old key store, then exit */
	bool check_config;    /* --check-config: change nothing, then exit */
};

int settings_read(int argc, char **argv, struct settings *settings, struct faults *all,
		  struct fault *f);

void settings_free(struct settings *settings);
#define _cleanup_settings_ __attribute__((cleanup(settings_free)))

/** typedef settings_differ_t - a key of kms.conf with two values */
typedef void (*settings_differ_t)(const char *key, const char *one, const char *other,
				  void *userdata);

void settings_compare(const struct settings *one, const struct settings *other,
		      settings_differ_t each, void *userdata);

#endif
