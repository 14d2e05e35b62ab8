/* SPDX-License-Identifier: MIT */
/* The end of what this host has on a disk whose device has gone: its claim and its reservation. */
#ifndef ENVELOPE_RELEASE_H
#define ENVELOPE_RELEASE_H

#include "agent/work/operation.h"

void release_begin(struct operation *op, void (*next)(struct operation *op));
void release_await(struct cluster *cluster);

#endif
