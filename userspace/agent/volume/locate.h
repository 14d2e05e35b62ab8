/* SPDX-License-Identifier: MIT */
/* Finds the one device that is a cluster's volume, or refuses. Runs in the device thread. */
#ifndef ENVELOPE_LOCATE_H
#define ENVELOPE_LOCATE_H

#include "agent/volume/volume_job.h"

/* EC2's code. The device of the volume is not there: it may come later. */
#define VOLUME_NOT_FOUND "InvalidVolume.NotFound"

bool locate_is_older_copy(const char *disk, const char *seen, const struct volume_owner *owner,
			  const struct volume_owner *stamp);
int locate_volume(struct volume_job *job);
int locate_to_erase(struct volume_job *job);

#endif
