/* SPDX-License-Identifier: MIT */
/* Finds the disk of a volume whose header may be gone: only the identity tells which one it is. */
#ifndef ENVELOPE_LOCATE_DISK_H
#define ENVELOPE_LOCATE_DISK_H

#include "agent/volume/volume_job.h"

int locate_disk(struct volume_job *job);
int locate_live_disk(struct volume_job *job);

#endif
