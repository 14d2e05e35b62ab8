/* SPDX-License-Identifier: MIT */
/* Finds the volumes on the block devices of the host, by their headers. */
#ifndef ENVELOPE_SCAN_H
#define ENVELOPE_SCAN_H

#include <stddef.h>

#include "lib/header/header.h"

/**
 * struct scanned - a volume on a block device
 * @device: path of the block device
 * @header: within the profile, but not yet verified by the KMS
 */
struct scanned {
	char device[64];
	struct volume_header header;
};

size_t scan_volumes(struct scanned **ret);

#endif
