/* SPDX-License-Identifier: MIT */
/* How long a volume has been: no later start makes it shorter. */
#ifndef ENVELOPE_LENGTH_H
#define ENVELOPE_LENGTH_H

#include "agent/catalog/cluster.h"
#include "lib/header/volume_header.h"

void length_load(struct cluster *cluster);
bool length_seen(struct cluster *cluster, uint64_t sectors);
bool length_choose(struct cluster *cluster, uint64_t sectors);
int length_check(const struct cluster *cluster, const struct volume_header *header,
		 const char *device, struct fault *f);

#endif
