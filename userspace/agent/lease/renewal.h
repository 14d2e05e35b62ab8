/* SPDX-License-Identifier: MIT */
/*
 * Keeps the lease of a live volume: asks the KMS at intervals whether the key may still be used,
 * and moves the kernel's deadline after each agreement.
 */
#ifndef ENVELOPE_RENEWAL_H
#define ENVELOPE_RENEWAL_H

#include "agent/agent.h"

void renewal_start(struct cluster *cluster, uint64_t deadline_ns, bool renewed_now);

#endif
