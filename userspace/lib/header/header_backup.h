/* SPDX-License-Identifier: MIT */
/*
 * Backups of volume headers, as bytes: the two copies of the LUKS2 metadata. The keyslots area has
 * no content in a volume, and is left out.
 *
 * Must never judge whether a backup may be put back: the agent knows the cluster.
 */
#ifndef ENVELOPE_HEADER_BACKUP_H
#define ENVELOPE_HEADER_BACKUP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

#define HEADER_BACKUP_BYTES (32 * 1024)

/**
 * struct packed_header - a backup without what can be made again: for the catalog
 * @bytes: owned; NULL for none
 */
struct packed_header {
	uint8_t *bytes;
	size_t size;
};

int header_backup_make(const char *device, uint8_t bytes[HEADER_BACKUP_BYTES],
		       struct volume_header *out, struct fault *f);

int header_backup_read(const uint8_t bytes[HEADER_BACKUP_BYTES], struct volume_header *out,
		       struct fault *f);

int header_backup_set_owner(uint8_t bytes[HEADER_BACKUP_BYTES], const struct volume_owner *owner,
			    struct fault *f);

int header_backup_set_state(uint8_t bytes[HEADER_BACKUP_BYTES], const char *volume_id,
			    const char *state, const char *reason, struct fault *f);

int header_backup_pack(const uint8_t bytes[HEADER_BACKUP_BYTES], struct packed_header *ret);
int header_backup_unpack(const struct packed_header *packed, uint8_t bytes[HEADER_BACKUP_BYTES],
			 struct fault *f);
void header_backup_free(struct packed_header *packed);

int header_backup_restore(const char *device, int claim, const char *volume_id,
			  const uint8_t bytes[HEADER_BACKUP_BYTES], struct fault *f);

#endif
