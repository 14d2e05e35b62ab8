/* SPDX-License-Identifier: MIT */
/* The course of a copy: lanes, checkpoints, signals, both phases. */
#ifndef ENVELOPE_COPY_RUN_H
#define ENVELOPE_COPY_RUN_H

#include "copy/checkpoint.h"
#include "copy/progress.h"
#include "copy/ranges.h"
#include "copy/sides.h"

#define RUN_INTERRUPTED 1

/** struct run - what a copy needs; all of it is the caller's */
struct run {
	struct sides *sides;
	struct ranges *ranges;
	struct checkpoint *checkpoint;
	struct progress progress;
};

int run_copy(struct run *run, struct fault *f);

#endif
