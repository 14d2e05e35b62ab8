/* SPDX-License-Identifier: MIT */
/*
 * Renews the lease of a live volume. The agent asks the KMS at intervals whether the key may still
 * be used. After each positive answer the agent moves the kernel's deadline.
 */
#ifndef ENVELOPE_RENEWAL_H
#define ENVELOPE_RENEWAL_H

#include "agent/agent.h"

void renewal_start(struct cluster *cluster, uint64_t deadline_ns, bool renewed_now);

#endif
