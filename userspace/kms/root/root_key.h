/* SPDX-License-Identifier: MIT */
/*
 * The root key that seals the key store.
 *
 * Must never be made anew while a key store exists: the store would be lost.
 */
#ifndef ENVELOPE_KMS_ROOT_KEY_H
#define ENVELOPE_KMS_ROOT_KEY_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

/**
 * root_key_load() - read the root key, or make it
 * @path: 32 bytes, private to its owner
 * @state_directory: where the key store is or will be
 * @root: set; secret_free()
 * @made: set to whether it was made just now
 *
 * Return: 0 or -1.
 */
int root_key_load(const char *path, const char *state_directory, struct secret **root, bool *made,
		  struct fault *f);

#endif
