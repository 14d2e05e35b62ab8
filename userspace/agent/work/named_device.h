/* SPDX-License-Identifier: MIT */
/*
 * The device that a client names for a cluster: looked up in a device thread, never in the event
 * loop.
 */
#ifndef ENVELOPE_NAMED_DEVICE_H
#define ENVELOPE_NAMED_DEVICE_H

#include "agent/work/operation.h"

bool named_device_look(const char *path, dev_t *number);
void named_device_check(struct operation *op, void (*checked)(struct operation *op));

#endif
