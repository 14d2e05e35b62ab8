/* SPDX-License-Identifier: MIT */
/*
 * Work on one cluster that takes several steps, some in the device thread, some at the
 * KMS. A cluster has at most one operation at a time; it is freed by operation_end().
 */
#ifndef ENVELOPE_OPERATION_H
#define ENVELOPE_OPERATION_H

#include "agent/agent.h"
#include "lib/kms/kms_client.h"

enum operation_kind {
	OPERATION_CREATE,
	OPERATION_START,
	OPERATION_ACTIVATE,
	OPERATION_STOP,
	OPERATION_DELETE
};

/**
 * struct operation - owned by its cluster
 * @call: waits for the answer; NULL when the agent itself began
 * @device: path of the block device, as it was at the beginning
 * @mapping: the cluster's device-mapper device then
 * @header: verified copy, once read
 * @number: of the block device that @header was read from, or is to be written to
 * @key: plaintext of the volume key, only between the KMS's answer and its use
 * @blob: wrapped key in base64 on its way from one KMS call to the next
 * @device_name: of the device to make
 * @stale: that device is there, failed, and must go first
 * @formatted: our header is on the device
 * @overwrite: the device's old content may be lost
 * @erase: delete the header too
 * @interrupted: an agent before this one began it; nobody waits for it
 * @before, @reason: the cluster's status when it began, and why
 * @asked_ns: when the KMS was asked for the key
 * @serial: kernel key
 * @run, @next: the step in the device thread, and what comes after it
 * @undo: called when the operation fails, in place of the answer; ends in operation_undone(). NULL
 *	when there is nothing to undo
 * @fault: why it failed
 * @result: of the last step in the device thread
 * @undo_fault: why that could not be undone
 */
struct operation {
	enum operation_kind kind;
	struct agent *agent;
	struct cluster *cluster;
	struct varlink_call *call;
	json_object *params;
	uid_t uid;
	pid_t pid;
	char device[256];
	struct mapping mapping;
	struct volume_header header;
	dev_t number;
	struct secret *key;
	char *blob;
	char device_name[128];
	bool stale;
	bool formatted;
	bool overwrite;
	bool erase;
	bool interrupted;
	enum cluster_status before;
	char reason[512];
	uint64_t asked_ns;
	int32_t serial;
	void (*run)(struct operation *op);
	void (*next)(struct operation *op);
	void (*undo)(struct operation *op);
	struct fault fault;
	int result;
	struct fault undo_fault;
};

struct operation *operation_begin(struct cluster *cluster, enum operation_kind kind,
				  struct varlink_call *call, json_object *params, struct fault *f);
void operation_device_step(struct operation *op, void (*run)(struct operation *op),
			   void (*next)(struct operation *op));
void operation_ask(struct operation *op, const char *kms_operation, json_object *request,
		   void (*next)(struct operation *op, json_object *response,
				struct secret *plaintext));
void operation_abandon(struct operation *op);
void operation_wipe_waiting(struct agent *agent);
void operation_end(struct operation *op);
void operation_fail(struct operation *op);
void operation_undone(struct operation *op);

#endif
