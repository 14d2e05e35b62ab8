// SPDX-License-Identifier: MIT
/*
 * Jobs that an agent before this one began and did not end: each is resumed or undone by the
 * function of its kind. A job is due while its cluster's status is creating or deleting; the row
 * of any other cluster is what a kill between the last step and its end has left.
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
 * @operation: that the job belongs to
 * @resume: goes on, or undoes; ends the operation
 */
struct resumption {
	const char *kind;
	enum operation_kind operation;
	void (*resume)(struct operation *op, const struct job *job);
};

static const struct resumption resumptions[] = {
	{ "create", OPERATION_CREATE, create_resume },
	{ "delete", OPERATION_DELETE, detach_resume },
};

static const struct resumption *find(const char *kind)
{
	for (size_t i = 0; i < sizeof(resumptions) / sizeof(*resumptions); i++)
		if (!strcmp(resumptions[i].kind, kind))
			return &resumptions[i];
	return NULL;
}

/* The job by the status. Agents without a job table left the step as first word of the reason. */
static void from_status(const struct cluster *cluster, struct job *job)
{
	bool creating = cluster->status == CLUSTER_CREATING;

	*job = (struct job){ 0 };
	snprintf(job->kind, sizeof(job->kind), "%s", creating ? "create" : "delete");
	snprintf(job->step, sizeof(job->step), "%.*s", (int)strcspn(cluster->reason, ":"),
		 cluster->reason);
}

/* The job of a cluster in between: by its row, if the row is of the work that the status tells. */
static void find_job(struct cluster *cluster, struct job *job)
{
	struct fault f;
	struct job row;
	int r = jobs_find(cluster->agent->catalog, cluster->volume_id, &row, &f);

	if (r < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	from_status(cluster, job);
	if (r > 0 && !strcmp(row.kind, job->kind))
		*job = row;
}

static void resume(struct cluster *cluster)
{
	const struct resumption *resumption;
	struct operation *op;
	struct fault f;
	struct job job;

	find_job(cluster, &job);
	resumption = find(job.kind);
	op = operation_begin(cluster, resumption->operation, NULL, NULL, &f);
	if (!op) {
		log_error("Cluster %s: %s", cluster->id, f.message);
		return;
	}
	op->job.interrupted = true;
	op->record = job;
	memcpy(op->record.volume_id, cluster->volume_id, sizeof(op->record.volume_id));
	resumption->resume(op, &job);
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
