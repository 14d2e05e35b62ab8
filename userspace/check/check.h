/* SPDX-License-Identifier: MIT */
/*
 * The checks of a host: each looks at one part and judges it.
 *
 * A check must never change anything: it loads no module, makes no key, writes to no disk and to no
 * file. It must never say "ok" of what this user cannot see.
 */
#ifndef ENVELOPE_CHECK_H
#define ENVELOPE_CHECK_H

#include "check/finding.h"

/**
 * struct settings - of the command line
 * @socket: of the agent
 * @config: NULL as for config_load()
 * @timeout_s: limit of each check
 * @device: the disk of this check, NULL for the checks of the host
 */
struct settings {
	const char *socket;
	const char *config;
	unsigned int timeout_s;
	const char *device;
};

/** typedef look_t - fills @finding; runs in a process of its own, which may be killed at any time */
typedef void (*look_t)(const struct settings *settings, struct finding *finding);

void check_kernel(const struct settings *settings, struct finding *finding);
void check_driver(const struct settings *settings, struct finding *finding);
void check_keyring(const struct settings *settings, struct finding *finding);
void check_configuration(const struct settings *settings, struct finding *finding);
void check_agent(const struct settings *settings, struct finding *finding);
void check_clock(const struct settings *settings, struct finding *finding);
void check_kms(const struct settings *settings, struct finding *finding);
void check_state(const struct settings *settings, struct finding *finding);
void check_log(const struct settings *settings, struct finding *finding);
void check_disk(const struct settings *settings, struct finding *finding);

void limit_run(look_t look, const struct settings *settings, struct finding *finding);

#endif
