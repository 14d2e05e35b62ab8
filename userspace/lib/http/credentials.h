/* SPDX-License-Identifier: MIT */
/*
 * The first credentials file: access keys for the agent and for an administrator.
 *
 * Must never print them.
 */
#ifndef ENVELOPE_KMS_CREDENTIALS_H
#define ENVELOPE_KMS_CREDENTIALS_H

#include "lib/base/fault.h"

/**
 * credentials_make() - write profiles [enveloped] and [admin] to @path unless it exists
 *
 * Return: 0 or -1.
 */
int credentials_make(const char *path, const char *region, struct fault *f);

#endif
