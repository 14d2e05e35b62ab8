/* SPDX-License-Identifier: MIT */
/*
 * The catalog made whole from the disks: pools and places by LVM's tags, clusters by the headers of
 * their volumes. A rebuild adds to the catalog. It removes nothing, and writes to no disk.
 */
#ifndef ENVELOPE_REBUILD_H
#define ENVELOPE_REBUILD_H

#include "agent/work/scan_job.h"

int rebuild_begin(struct agent *agent, struct varlink_call *call, json_object *params,
		  struct fault *f);
bool rebuild_is_due(const struct scan_job *scan);
void rebuild_look(struct agent *agent);

#endif
