/* SPDX-License-Identifier: MIT */
/*
 * The first credentials file: access keys for the agent and for an administrator.
 *
 * Must never print a key.
 */
#ifndef ENVELOPE_CREDENTIALS_H
#define ENVELOPE_CREDENTIALS_H

#include "lib/base/fault.h"

int credentials_make(const char *path, const char *region, struct fault *f);

#endif
