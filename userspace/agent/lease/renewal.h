/* SPDX-License-Identifier: MIT */
/*
 * Keeps the lease of a live volume: asks the KMS now and then whether the key may
 * still be used, and tells the kernel.
 */
#ifndef ENVELOPE_RENEWAL_H
#define ENVELOPE_RENEWAL_H

#include "agent/agent.h"

void renewal_start(struct cluster *cluster, uint64_t deadline_ns, bool renewed_now);

#endif
