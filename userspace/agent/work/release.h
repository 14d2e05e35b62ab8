/* SPDX-License-Identifier: MIT */
/* The end of what this host has on a disk whose device has gone: its claim and its reservation. */
#ifndef ENVELOPE_RELEASE_H
#define ENVELOPE_RELEASE_H

#include "agent/work/operation.h"

/* First word of the reason of a cluster whose header was restored without an owner. */
#define RELEASE_HEADER_RESTORED "header-restored"

void release_begin(struct operation *op, void (*next)(struct operation *op));
void release_await(struct cluster *cluster);

#endif
