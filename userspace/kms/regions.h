/* SPDX-License-Identifier: MIT */
/*
 * The regions that a KMS serves. Each has its own keys, aliases and default keys, as in AWS: a request
 * is for the region that it is signed for.
 *
 * Must never serve a region that the settings do not name.
 */
#ifndef ENVELOPE_KMS_REGIONS_H
#define ENVELOPE_KMS_REGIONS_H

#include <stdbool.h>

bool regions_valid(const char *others);

char **regions_make(const char *first, const char *others);

void regions_free(char **regions);

#endif
