/* SPDX-License-Identifier: MIT */
/* RelocateDBCluster: the user says on which device a cluster's volume is. */
#ifndef ENVELOPE_RELOCATE_H
#define ENVELOPE_RELOCATE_H

#include "agent/work/operation.h"

void relocate_begin(struct operation *op, const char *device);

#endif
