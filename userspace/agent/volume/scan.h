/* SPDX-License-Identifier: MIT */
/* Finds the volumes on the block devices of the host, by their headers. */
#ifndef ENVELOPE_SCAN_H
#define ENVELOPE_SCAN_H

#include <json-c/json.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/volume/disk_identity.h"
#include "lib/header/header.h"

/* Of a device: its path, and the reason. */
#define SCAN_UNREADABLE "%s looks like a volume, but: %s"

/**
 * struct scanned - a volume on a block device; its list owns it, scan_free()
 * @device: path of the block device
 * @number: of the block device
 * @disk: its identity
 * @header: within the profile, but not yet verified by the KMS
 */
struct scanned {
	char *device;
	dev_t number;
	char *disk;
	struct volume_header header;
};

size_t scan_volumes(const char *volume_id, struct scanned **ret, json_object *unreadable);
void scan_free(struct scanned *list, size_t count);

#endif
