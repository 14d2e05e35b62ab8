/* SPDX-License-Identifier: MIT */
/* Resumes or undoes the jobs that a killed agent left unfinished. */
#ifndef ENVELOPE_RESUME_H
#define ENVELOPE_RESUME_H

#include "agent/agent.h"

void resume_interrupted(struct agent *agent);

#endif
