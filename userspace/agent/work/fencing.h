/* SPDX-License-Identifier: MIT */
/*
 * Fencing: a disk with persistent reservations refuses the writes of a host that has lost its volume to
 * another host. Fencing=no in envelope.conf turns it off.
 */
#ifndef ENVELOPE_FENCING_H
#define ENVELOPE_FENCING_H

#include "agent/agent.h"
#include "agent/volume/volume_job.h"

bool fencing_is_on(const struct agent *agent);
int fencing_reserve(struct volume_job *job);
void fencing_undo(struct volume_job *job);
void fencing_end(struct volume_job *job);
int fencing_expel(const char *device, int claim, const char *volume_id, struct volume_owner *owner,
		  const struct volume_owner *self, struct fault *f);
void fencing_load(struct cluster *cluster);
void fencing_begin(struct cluster *cluster, const char *disk);
void fencing_note(struct cluster *cluster, bool held);
void fencing_watch(struct cluster *cluster);

#endif
