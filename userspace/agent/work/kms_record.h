/* SPDX-License-Identifier: MIT */
/*
 * The header's record of the KMS that gave a volume's key last.
 */
#ifndef ENVELOPE_KMS_RECORD_H
#define ENVELOPE_KMS_RECORD_H

#include "agent/agent.h"

void kms_record_write(struct cluster *cluster);

#endif
