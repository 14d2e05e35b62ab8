/* SPDX-License-Identifier: MIT */
/*
 * Would a start succeed with these settings? All files that the settings name are read.
 *
 * Must never change or make a file: a KMS may be serving with them.
 */
#ifndef ENVELOPE_KMS_SETTINGS_CHECK_H
#define ENVELOPE_KMS_SETTINGS_CHECK_H

#include "kms/settings.h"

void settings_check(const struct settings *s, struct faults *all);

#endif
