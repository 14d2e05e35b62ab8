/* SPDX-License-Identifier: MIT */
/* The users of a block device: for error messages only, never for decisions. */
#ifndef ENVELOPE_DEVICE_USERS_H
#define ENVELOPE_DEVICE_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/fault.h"

bool device_users_find(dev_t device, char *text, size_t size);
void device_users_explain(dev_t device, const char *name, struct fault *f);

#endif
