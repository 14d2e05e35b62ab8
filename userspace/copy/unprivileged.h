/* SPDX-License-Identifier: MIT */
#ifndef ENVELOPE_COPY_UNPRIVILEGED_H
#define ENVELOPE_COPY_UNPRIVILEGED_H

#include "lib/base/fault.h"

int drop_privileges(struct fault *f);

#endif
