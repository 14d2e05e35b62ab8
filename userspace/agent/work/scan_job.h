/* SPDX-License-Identifier: MIT */
/* A look at all disks: reconcile.c takes it for the agent, adopt.c for a client. */
#ifndef ENVELOPE_SCAN_JOB_H
#define ENVELOPE_SCAN_JOB_H

#include <limits.h>

#include "agent/agent.h"
#include "agent/volume/mapper.h"
#include "agent/volume/scan.h"

/**
 * struct scan_job - a look at all disks, when the agent starts or for a client
 * @changes: agent.changes when the scan began
 * @call, @params, @uid, @pid: of AdoptCluster; @call is NULL when the agent starts, or after the answer
 * @device, @number: the one device to take in, for a client
 * @take_over: the client says that the volume's other owner is gone
 * @reach: of the cluster that is taken in, for a client
 * @known_only: disks have come or gone: takes in no volume that the catalog does not know
 * @expelled, @self: the volume from which its owner is fenced, and this host
 */
struct scan_job {
	struct agent *agent;
	uint64_t changes;
	struct varlink_call *call;
	json_object *params;
	uid_t uid;
	pid_t pid;
	char device[PATH_MAX];
	dev_t number;
	bool take_over;
	struct reach reach;
	bool known_only;
	struct scanned *expelled;
	struct volume_owner self;
	struct scanned *volumes;
	size_t count;
	struct mapping *mappings; /* looked at after the disks */
	size_t mapping_count;
	struct fault fault;
	int result;
};

void scan_job_run(void *data);
const struct scanned *scan_job_copy(const struct scan_job *job, const struct scanned *volume);
void reconcile_take_in(const struct scan_job *job, const struct scanned *volume);

#endif
