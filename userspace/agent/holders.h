/* SPDX-License-Identifier: MIT */
/* Who uses a block device: for error messages only, never for decisions. */
#ifndef ENVELOPE_HOLDERS_H
#define ENVELOPE_HOLDERS_H

#include <sys/types.h>

#include "fault.h"

void holders_explain(dev_t device, const char *name, struct fault *f);

#endif
