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
bool fencing_end(struct volume_job *job);
uint32_t fencing_claim(uint32_t own_s, uint64_t fence_end_ns);
int fencing_announce(struct agent *agent, const char *volume_id, const char *disk, uint32_t claim_s,
		     struct fault *f);
void fencing_learn(struct cluster *cluster, struct volume_job *job);
int fencing_expel(const char *device, int claim, const char *volume_id, struct volume_owner *owner,
		  const struct volume_owner *self, uint64_t *end_ns, struct fault *f);
void fencing_load(struct cluster *cluster);
void fencing_begin(struct cluster *cluster, const char *disk);
void fencing_note(struct cluster *cluster, bool held);
void fencing_watch(struct cluster *cluster);

#endif
