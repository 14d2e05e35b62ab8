/* SPDX-License-Identifier: MIT */
/*
 * The copy of a volume's header in the catalog: for a header that was wiped, and of which nobody has a
 * backup.
 */
#ifndef ENVELOPE_KEPT_HEADER_H
#define ENVELOPE_KEPT_HEADER_H

#include "agent/volume/volume_job.h"
#include "lib/header/header_backup.h"

/** struct kept_header - a copy on its way between disk and catalog; kept_header_free() */
struct kept_header {
	struct volume_header header;
	struct packed_header packed;
};

bool kept_header_is_wanted(const struct cluster *cluster);
struct kept_header *kept_header_make(const char *device);
struct kept_header *kept_header_pack(const uint8_t bytes[HEADER_BACKUP_BYTES],
				     const struct volume_header *header);
void kept_header_record(struct cluster *cluster, const struct kept_header *kept);
int kept_header_take(const struct cluster *cluster, struct volume_job *job, struct fault *f);
int kept_header_unpack(struct volume_job *job, uint8_t bytes[HEADER_BACKUP_BYTES]);
void kept_header_free(struct kept_header *kept);

#endif
