/* SPDX-License-Identifier: MIT */
/*
 * Writes to a header which KMS gave the volume's key last.
 *
 * Must never write to a volume that belongs to another host.
 */
#ifndef ENVELOPE_HEADER_KMS_H
#define ENVELOPE_HEADER_KMS_H

#include "lib/base/fault.h"

int header_set_kms(const char *device, int claim, const char *volume_id, const char *host,
		   const char *kms, struct fault *f);

#endif
