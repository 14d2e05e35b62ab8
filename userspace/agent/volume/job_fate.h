/* SPDX-License-Identifier: MIT */
/*
 * Whether the result of a step counts, decided once, by the device thread or by the event loop.
 *
 * A thread that a disk holds cannot be ended. The event loop gives its step up instead: the cluster is
 * free at once, and the thread takes back what it has done when the disk answers. A thread asks before
 * it does what must not happen after that, such as to give a key to the kernel.
 */
#ifndef ENVELOPE_JOB_FATE_H
#define ENVELOPE_JOB_FATE_H

#include "agent/volume/volume_job.h"

void job_fate_begin(struct volume_job *job);
bool job_fate_keep(struct volume_job *job);
bool job_fate_give_up(struct volume_job *job);
bool job_fate_is_given_up(struct volume_job *job);

#endif
