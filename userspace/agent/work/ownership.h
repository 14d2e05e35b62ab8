/* SPDX-License-Identifier: MIT */
/*
 * Which host a volume belongs to. On a disk that several hosts can reach, only the owner starts or
 * erases a volume, until its claim has ended.
 */
#ifndef ENVELOPE_OWNERSHIP_H
#define ENVELOPE_OWNERSHIP_H

#include "agent/agent.h"
#include "agent/volume/volume_job.h"

uint64_t ownership_see(struct agent *agent, const struct volume_header *header);
int ownership_check(struct agent *agent, const struct volume_header *header, bool take_over,
		    struct fault *f);
int ownership_claim(struct volume_job *job);
bool ownership_release(struct volume_job *job);
void ownership_renew(struct cluster *cluster);
void ownership_forget(struct agent *agent);

#endif
