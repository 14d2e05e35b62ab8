/* SPDX-License-Identifier: MIT */
/* Takes the disk of a volume for a write to its header. Runs in the device thread. */
#ifndef ENVELOPE_WRITE_CLAIM_H
#define ENVELOPE_WRITE_CLAIM_H

#include "agent/volume/volume_job.h"

int write_claim(const char *device, dev_t number, const char *volume_id, struct fault *f);
int write_claim_job(struct volume_job *job, dev_t number, int *own);

#endif
