/* SPDX-License-Identifier: MIT */
/*
 * The root key that seals the key store.
 *
 * A root key must never be made anew while a key store exists: the store would be lost.
 */
#ifndef ENVELOPE_KMS_ROOT_KEY_H
#define ENVELOPE_KMS_ROOT_KEY_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

int root_key_read(const char *path, struct secret **ret, struct fault *f);

int root_key_load(const char *path, const char *state_directory, struct secret **ret, bool *made,
		  struct fault *f);

#endif
