/* SPDX-License-Identifier: MIT */
/*
 * Making access keys, and the first credentials file: one pair for the agent, one for an administrator.
 *
 * Must never print a key.
 */
#ifndef ENVELOPE_CREDENTIALS_H
#define ENVELOPE_CREDENTIALS_H

#include <stddef.h>

#include "lib/base/fault.h"

#define ACCESS_KEY_CHARS 20
#define SECRET_KEY_CHARS 40

int credentials_id(char *text, size_t count);

int credentials_key(char access_key[ACCESS_KEY_CHARS + 1], char secret_key[SECRET_KEY_CHARS + 1]);

int credentials_make(const char *path, const char *region, struct fault *f);

#endif
