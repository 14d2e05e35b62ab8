/* SPDX-License-Identifier: MIT */
/*
 * Settings of envelope-kms: defaults, then /etc/envelope/kms.conf, then the command line.
 *
 * Must never take a secret: secrets stand in files that only their owner reads.
 */
#ifndef ENVELOPE_KMS_SETTINGS_H
#define ENVELOPE_KMS_SETTINGS_H

#include <stdbool.h>

#include "lib/base/fault.h"

struct settings {
	char config[4096];
	char region[32];
	char account[13];
	char listen_unix[108];	 /* "" for none */
	unsigned int listen_tcp; /* port on 127.0.0.1; 0 for none */
	char state_directory[4096 - 64];
	char root_key[4096];
	char credentials[4096];
	char audit_file[4096];
	bool init;	/* --init: make what is missing, then exit */
	bool new_store; /* --new-store: begin an empty key store */
};

/**
 * settings_read() - all sources
 * @settings: filled
 * @f: Usage or InvalidConfiguration
 *
 * Prints and exits for --help and --version.
 *
 * Return: 0 or -1.
 */
int settings_read(int argc, char **argv, struct settings *settings, struct fault *f);

#endif
