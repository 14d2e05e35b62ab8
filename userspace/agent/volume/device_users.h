/* SPDX-License-Identifier: MIT */
/* The users of a block device: for error messages only, never for decisions. */
#ifndef ENVELOPE_DEVICE_USERS_H
#define ENVELOPE_DEVICE_USERS_H

#include <sys/types.h>

#include "lib/base/fault.h"

void device_users_explain(dev_t device, const char *name, struct fault *f);

#endif
