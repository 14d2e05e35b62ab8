/* SPDX-License-Identifier: MIT */
/*
 * The claim of this host on a plain volume that is in use. Its device has no lease, and lives without
 * the agent: nothing but the claim tells another host that the volume is in use.
 */
#ifndef ENVELOPE_PLAIN_CLAIM_H
#define ENVELOPE_PLAIN_CLAIM_H

#include "agent/catalog/cluster.h"

void plain_claim_start(struct cluster *cluster);

#endif
