/* SPDX-License-Identifier: MIT */
/* The undo of a creation, on the disk. A header that is finished is not erased. */
#ifndef ENVELOPE_CREATE_ERASE_H
#define ENVELOPE_CREATE_ERASE_H

#include "agent/volume/volume_job.h"

void create_erase(struct volume_job *job);

#endif
