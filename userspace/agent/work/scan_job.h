/* SPDX-License-Identifier: MIT */
/* A look at all disks: reconcile.c takes it for the agent, adopt.c for a client. */
#ifndef ENVELOPE_SCAN_JOB_H
#define ENVELOPE_SCAN_JOB_H

#include "agent/agent.h"
#include "agent/volume/mapper.h"
#include "agent/volume/scan.h"

/**
 * struct scan_job - the disks as a look finds them
 * @changes: agent.changes when the look began
 * @known_only: disks have come or gone: takes in no volume that the catalog does not know
 */
struct scan_job {
	struct agent *agent;
	uint64_t changes;
	bool known_only;
	struct scanned *volumes;
	size_t count;
	json_object *unreadable;  /* path -> reason; NULL: logged */
	struct mapping *mappings; /* looked at after the disks */
	size_t mapping_count;
	struct fault fault;
	int result;
};

void scan_job_run(void *data);
void scan_job_free(struct scan_job *job);
const struct scanned *scan_job_copy(const struct scan_job *job, const struct scanned *volume);
void reconcile_take_in(const struct scan_job *job, const struct scanned *volume, bool take_over);

#endif
