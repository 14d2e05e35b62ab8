/* SPDX-License-Identifier: MIT */
/*
 * The job table of the catalog: work of several steps that an agent begins and a later agent must
 * resume or undo after a kill. A row is written before each step, and deleted at the end.
 */
#ifndef ENVELOPE_JOBS_H
#define ENVELOPE_JOBS_H

#include <stdint.h>

#include "agent/catalog/catalog.h"

/**
 * struct job - one row; jobs_clear()
 * @volume_id: of the volume that the work is on; a volume has at most one job
 * @kind: "create", "delete"; work/resume.c has the table of them
 * @step: the step that was about to begin
 * @made: what the work has made so far and must undo: the device with an unfinished header; owned, NULL
 *	for nothing
 * @begun: seconds since 1970
 */
struct job {
	char volume_id[22];
	char kind[16];
	char step[24];
	char *made;
	int64_t begun;
};

int jobs_record(struct catalog *catalog, const struct job *job, struct fault *f);
int jobs_find(struct catalog *catalog, const char *volume_id, struct job *ret, struct fault *f);
void jobs_clear(struct job *job);
int jobs_forget_orphans(struct catalog *catalog, struct fault *f);
int jobs_forget(struct catalog *catalog, const char *volume_id, struct fault *f);

#endif
