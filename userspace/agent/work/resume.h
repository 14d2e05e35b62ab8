/* SPDX-License-Identifier: MIT */
/* Jobs that an agent before this one began and did not end. */
#ifndef ENVELOPE_RESUME_H
#define ENVELOPE_RESUME_H

#include "agent/agent.h"

void resume_interrupted(struct agent *agent);

#endif
