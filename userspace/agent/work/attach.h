/* SPDX-License-Identifier: MIT */
/*
 * StartDBCluster and ActivateKey: from a header on a disk to a live device.
 */
#ifndef ENVELOPE_ATTACH_H
#define ENVELOPE_ATTACH_H

#include "agent/work/operation.h"

void attach_begin(struct operation *op);

#endif
