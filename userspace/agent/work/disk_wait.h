/* SPDX-License-Identifier: MIT */
/*
 * A cluster that the boot unit wants, and whose disk is not there yet.
 */
#ifndef ENVELOPE_DISK_WAIT_H
#define ENVELOPE_DISK_WAIT_H

#include "agent/work/operation.h"

void disk_wait_begin(struct operation *op);

#endif
