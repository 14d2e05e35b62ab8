/* SPDX-License-Identifier: MIT */
/* Judges of single values of envelope.conf: each returns 0, or -1 with InvalidConfiguration. */
#ifndef ENVELOPE_CONFIG_VALUES_H
#define ENVELOPE_CONFIG_VALUES_H

#include "lib/base/fault.h"

int config_judge_region(const char *value, struct fault *f);
int config_judge_account(const char *value, struct fault *f);
int config_judge_proxy(const char *value, struct fault *f);
int config_judge_no_proxy(const char *value, struct fault *f);
int config_judge_restart(const char *value, struct fault *f);
int config_judge_fencing(const char *value, struct fault *f);

#endif
