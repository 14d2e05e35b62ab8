/* SPDX-License-Identifier: MIT */
/*
 * Is the configuration good for the agent? The files and words that config_load() cannot judge.
 *
 * Must never ask the KMS: a configuration is checked also while the KMS is away.
 */
#ifndef ENVELOPE_CONFIG_CHECK_H
#define ENVELOPE_CONFIG_CHECK_H

#include "lib/base/config.h"

int config_check_credentials(const struct config *cfg, struct fault *f);
int config_check_files(const struct config *cfg, struct faults *all);
int config_check_load_all(const char *path, struct config *cfg, struct faults *all);
int config_check_load(const char *path, struct config *cfg, struct fault *f);

#endif
