/* SPDX-License-Identifier: MIT */
/*
 * Backups of volume headers, as bytes: the two copies of the LUKS2 metadata. The keyslots area has
 * no content in a volume, and is left out.
 *
 * Must never judge whether a backup may be put back: the agent knows the cluster.
 */
#ifndef ENVELOPE_HEADER_BACKUP_H
#define ENVELOPE_HEADER_BACKUP_H

#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

#define HEADER_BACKUP_BYTES (32 * 1024)

int header_backup_make(const char *device, uint8_t bytes[HEADER_BACKUP_BYTES],
		       struct volume_header *out, struct fault *f);

int header_backup_read(const uint8_t bytes[HEADER_BACKUP_BYTES], struct volume_header *out,
		       struct fault *f);

int header_backup_set_owner(uint8_t bytes[HEADER_BACKUP_BYTES], const struct volume_owner *owner,
			    struct fault *f);

int header_backup_restore(const char *device, int claim, const char *volume_id,
			  const uint8_t bytes[HEADER_BACKUP_BYTES], struct fault *f);

#endif
