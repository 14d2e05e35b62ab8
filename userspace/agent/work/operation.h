/* SPDX-License-Identifier: MIT */
/*
 * Work on one cluster that takes several steps, some in a device thread, some at the
 * KMS. A cluster has at most one operation at a time; it is freed by operation_end().
 */
#ifndef ENVELOPE_OPERATION_H
#define ENVELOPE_OPERATION_H

#include "agent/agent.h"
#include "agent/catalog/jobs.h"
#include "agent/volume/volume_job.h"
#include "lib/kms/kms_client.h"

enum operation_kind {
	OPERATION_CREATE,
	OPERATION_START,
	OPERATION_ACTIVATE,
	OPERATION_STOP,
	OPERATION_DELETE,
	OPERATION_RELOCATE,
	OPERATION_CONFIRM_LOSS,
	OPERATION_MODIFY,
	OPERATION_BACKUP_HEADER,
	OPERATION_RESTORE_HEADER,
	OPERATION_SNAPSHOT,
	OPERATION_RESTORE_SNAPSHOT
};

/**
 * struct operation - owned by its cluster, or by its step if it gave way
 * @cluster: NULL if the operation has given way to a stop or a deletion
 * @call: waits for the answer; NULL when the agent itself began
 * @params, @uid, @pid: of the call, for the audit trail
 * @job: the copies that a device thread works on
 * @record: its row in the job table; no kind: it has no row
 * @before, @reason: the cluster's status when it began, and why
 * @disk_moments: of the agent, when it began to look for the disk
 * @had: the cluster's settings when a modification began
 * @run, @next: the step in a device thread, and the step after it in the event loop
 * @then: called after a step of pool_volume.c
 * @answered: who gave the last answer of the KMS
 * @late: a step did not end in time: the client has its fault, and the operation is given up when
 *	the step ends
 * @undoing: @undo or @close has been called
 * @settling: the volume is available already: a late step ends as each other one
 * @ended: operation_end_early() has ended it: the step under way is the last
 * @question: to the KMS, under way; NULL for none
 * @passed: called when the cluster is free again, and when a step is late; NULL for nobody who waits
 * @checked: called when the device that its client names has been looked up: see named_device.h
 * @opened: called when the volume is open, in place of operation_end(); NULL: the operation ends
 * @undo: called when the operation fails, in place of the answer; ends in operation_undone(). NULL
 *	when there is nothing to undo
 * @close: called when a late step has opened the volume all the same, and its key has been dropped: ends
 *	in operation_fail(). NULL for an operation with @undo
 * @give_way: called when a stop or a deletion ends the operation: takes back what it has changed. NULL
 *	for nothing
 * @left: called when the step ends that was under way then; @cluster is NULL by now. NULL for nothing
 * @settle: called when the cluster is free again, for a modification whose step ended after it had given
 *	way. NULL for none
 * @answer: for the client, owned; NULL: the cluster
 * @fault: why it failed
 */
struct operation {
	enum operation_kind kind;
	struct agent *agent;
	struct cluster *cluster;
	struct varlink_call *call;
	json_object *params;
	uid_t uid;
	pid_t pid;
	struct volume_job job;
	struct job record;
	enum cluster_status before;
	char reason[512];
	struct {
		bool deletion_protection;
		bool allow_discards;
		struct reach reach;
	} had;
	uint64_t disk_moments;
	void (*run)(struct volume_job *job);
	void (*next)(struct operation *op);
	void (*checked)(struct operation *op);
	void (*opened)(struct operation *op);
	void (*undo)(struct operation *op);
	void (*close)(struct operation *op);
	void (*give_way)(struct operation *op);
	void (*left)(struct operation *op);
	void (*then)(struct operation *op);
	struct grant answered;
	bool late;
	bool undoing;
	bool settling;
	bool ended;
	struct question *question;
	void (*passed)(struct cluster *cluster);
	void (*settle)(struct cluster *cluster);
	json_object *answer;
	struct fault fault;
};

struct operation *operation_begin(struct cluster *cluster, enum operation_kind kind,
				  struct varlink_call *call, json_object *params, struct fault *f);
void operation_free(struct operation *op);
const char *operation_api(const struct operation *op);
void operation_answer(struct operation *op, const struct fault *f);
void operation_device_step(struct operation *op, void (*run)(struct volume_job *job),
			   void (*next)(struct operation *op));
void operation_removal_step(struct operation *op, void (*run)(struct volume_job *job),
			    void (*next)(struct operation *op));
void operation_pool_step(struct operation *op, void (*run)(struct volume_job *job),
			 void (*next)(struct operation *op));
void operation_ask(struct operation *op, const char *kms_operation, json_object *request,
		   void (*next)(struct operation *op, json_object *response,
				struct secret *plaintext));
int operation_record(struct operation *op, const char *step, const char *made);
void operation_end_early(struct operation *op, const struct fault *why);
void operation_unask(struct operation *op);
void operation_abandon(struct operation *op);
void operation_wipe_waiting(struct agent *agent);
void operation_end(struct operation *op);
bool operation_take_key(struct operation *op, struct secret *plaintext);
void operation_fail(struct operation *op);
void operation_step_failed(struct operation *op);
void operation_undone(struct operation *op);

#endif
