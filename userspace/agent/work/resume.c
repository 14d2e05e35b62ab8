// SPDX-License-Identifier: MIT
/*
 * Resumes or undoes the jobs that a killed agent left unfinished. Each kind of job has a row in
 * table @resumptions with its function. A job is unfinished while the status of its cluster is
 * creating or deleting. A row of any other cluster is a remnant: the agent was killed after the
 * last step, before it deleted the row.
 */
#include "agent/work/resume.h"

#include <stdio.h>
#include <string.h>

#include "agent/catalog/jobs.h"
#include "agent/work/create.h"
#include "agent/work/detach.h"
#include "agent/work/operation.h"
#include "lib/base/log.h"

/**
 * struct resumption - how the jobs of one kind are resumed
 * @kind: as in the job table
 * @status: status of a cluster with a job of this kind
 * @operation: kind of operation that resumes the job
 * @resume: resumes or undoes the job, and ends the operation
 */
struct resumption {
	const char *kind;
	enum cluster_status status;
	enum operation_kind operation;
	void (*resume)(struct operation *op, const struct job *job);
};

static const struct resumption resumptions[] = {
	{ "create", CLUSTER_CREATING, OPERATION_CREATE, create_resume },
	{ "delete", CLUSTER_DELETING, OPERATION_DELETE, detach_resume },
};

static const struct resumption *find(enum cluster_status status, const char *kind)
{
	for (size_t i = 0; i < sizeof(resumptions) / sizeof(*resumptions); i++)
		if (resumptions[i].status == status &&
		    (!kind || !strcmp(resumptions[i].kind, kind)))
			return &resumptions[i];
	return NULL;
}

/*
 * Derives the job from the status. Agents without a job table kept the step in the reason's first
 * word.
 */
static const struct resumption *from_status(const struct cluster *cluster, struct job *job)
{
	const struct resumption *resumption = find(cluster->status, NULL);

	jobs_clear(job);
	snprintf(job->kind, sizeof(job->kind), "%s", resumption->kind);
	snprintf(job->step, sizeof(job->step), "%.*s", (int)strcspn(cluster->reason, ":"),
		 cluster->reason);
	return resumption;
}

/*
 * Finds the job of a cluster that is being created or deleted. Ignores a row of the other status.
 */
static const struct resumption *find_job(struct cluster *cluster, struct job *job)
{
	const struct resumption *resumption = NULL;
	struct fault f;
	int r = jobs_find(cluster->agent->catalog, cluster->volume_id, job, &f);

	if (r < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	if (r > 0)
		resumption = find(cluster->status, job->kind);
	return resumption ? resumption : from_status(cluster, job);
}

static void resume(struct cluster *cluster)
{
	struct job job = { 0 };
	const struct resumption *resumption = find_job(cluster, &job);
	struct operation *op;
	struct fault f;

	op = operation_begin(cluster, resumption->operation, NULL, NULL, &f);
	if (!op) {
		log_error("Cluster %s: %s", cluster->id, f.message);
		jobs_clear(&job);
		return;
	}
	op->job.interrupted = true;
	op->record = job; /* which owns what @job has */
	memcpy(op->record.volume_id, cluster->volume_id, sizeof(op->record.volume_id));
	resumption->resume(op, &op->record);
}

/** resume_interrupted() - resume or undo each job that is due; all of it in the background */
void resume_interrupted(struct agent *agent)
{
	struct fault f;

	if (jobs_forget_orphans(agent->catalog, &f) < 0)
		log_error("%s", f.message);
	for (struct cluster *c = agent->clusters; c; c = c->next) {
		if (cluster_is_in_between(c))
			resume(c);
		else if (jobs_forget(agent->catalog, c->volume_id, &f) < 0)
			log_error("Cluster %s: %s", c->id, f.message);
	}
}
