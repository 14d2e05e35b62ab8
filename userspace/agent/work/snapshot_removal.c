// SPDX-License-Identifier: MIT
/*
 * Removes snapshots: for a client, and those that a killed agent has left half-made or half-removed. The
 * catalog has the row of a snapshot until LVM has removed the snapshot.
 */
#include "agent/work/snapshot_removal.h"

#include <stdlib.h>

#include "agent/api/reply.h"
#include "agent/api/snapshot_json.h"
#include "agent/catalog/cluster_list.h"
#include "agent/volume/device_thread.h"
#include "agent/volume/suspension.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

/** snapshot_forget() - its row goes with the snapshot; a row that stays is swept later */
void snapshot_forget(struct agent *agent, struct snapshot *s)
{
	struct fault f;

	if (snapshots_forget(agent->catalog, s->id, &f) < 0) {
		log_error("Snapshot %s: %s", s->name, f.message);
		s->status = SNAPSHOT_DELETING;
		return;
	}
	snapshot_remove(agent, s);
}

/**
 * struct removal - owned by its step in a device thread
 * @call: waits for the answer; NULL for none, or when the answer was given because the step is late
 * @params, @uid, @pid: of the call, for the audit trail
 * @thin: the copy that the thread works on; with the name of a device that is to be resumed first
 * @result, @fault: of the step
 */
struct removal {
	struct agent *agent;
	struct varlink_call *call;
	json_object *params;
	uid_t uid;
	pid_t pid;
	struct thin_snapshot thin;
	int result;
	struct fault fault;
};

static void answer(struct removal *work, const struct snapshot *s, const struct fault *f)
{
	_cleanup_json_ json_object *reply = NULL;

	if (!work->call)
		return;
	audit_api_call(work->agent->audit, "DeleteDBClusterSnapshot", work->params, work->uid,
		       work->pid, NULL, f);
	if (f) {
		reply_fault(work->call, f);
	} else {
		reply = json_object_new_object();
		json_add_object(reply, "snapshot", snapshot_to_json(s));
		varlink_reply(work->call, reply);
	}
	work->call = NULL;
}

static void free_removal(struct removal *work)
{
	json_object_put(work->params);
	free(work);
}

static void removal_run(void *data)
{
	struct removal *work = data;
	struct fault f;

	if (work->thin.device[0] && suspension_resume(work->thin.device, &f) < 0)
		log_error("%s", f.message);
	work->result = thin_snapshot_remove(&work->thin, &work->fault);
}

static void removal_done(void *data)
{
	struct removal *work = data;
	struct snapshot *s = snapshot_find_id(work->agent, work->thin.id);
	struct fault f;

	s->busy = false;
	if (work->result == 0) {
		answer(work, s, NULL);
		snapshot_forget(work->agent, s);
	} else {
		log_error("Snapshot %s: it is not removed: %s", s->name, work->fault.message);
		/* One that a client may still use is whole. */
		if (s->status == SNAPSHOT_DELETING && work->params) {
			s->status = SNAPSHOT_AVAILABLE;
			if (snapshots_record(work->agent->catalog, s, &f) < 0)
				log_error("Snapshot %s: %s", s->name, f.message);
		}
		answer(work, NULL, &work->fault);
	}
	free_removal(work);
}

static void removal_late(void *data, bool begun)
{
	struct removal *work = data;
	struct fault f;

	fault_set(&f, "DeviceTimeout",
		  "The removal of the snapshot %s waits for LVM for more than %u seconds. It goes on when LVM answers: look at the disks with 'dmesg', and at udev with 'udevadm settle'.",
		  work->thin.name, work->agent->config.device_timeout_seconds);
	answer(work, NULL, &f);
	if (begun)
		return;
	work->result = -1;
	work->fault = f;
	removal_done(work);
}

static void removal_drop(void *data)
{
	struct removal *work = data;

	if (work->call)
		varlink_call_release(work->call);
	free_removal(work);
}

static struct removal *new_removal(struct agent *agent, struct snapshot *s,
				   struct varlink_call *call, json_object *params)
{
	struct removal *work = calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	work->agent = agent;
	work->call = call;
	work->params = json_object_get(params);
	work->uid = call ? varlink_call_uid(call) : 0;
	work->pid = call ? varlink_call_pid(call) : 0;
	snapshot_copy(agent, s, &work->thin);
	return work;
}

static void submit(struct removal *work, struct snapshot *s)
{
	static const struct device_work device_work = {
		.run = removal_run,
		.done = removal_done,
		.late = removal_late,
		.drop = removal_drop,
	};

	s->busy = true;
	device_thread_submit(work->agent->devices, DEVICE_LANE_POOLS, &device_work, work);
}

/**
 * snapshot_delete() - remove the snapshot that the parameters name; the answer comes later
 *
 * Return: 0 or -1: nothing has begun.
 */
int snapshot_delete(struct agent *agent, struct varlink_call *call, json_object *params,
		    struct fault *f)
{
	const char *name = json_get_string(params, SNAPSHOT_IDENTIFIER);
	struct snapshot *s = snapshot_find(agent, name);
	struct removal *work;

	if (!s)
		return fault_set(f, "DBClusterSnapshotNotFoundFault",
				 "DBClusterSnapshot %.63s not found.", name);
	if (rules_snapshot_delete(s->name, s->status, s->busy, f) < 0)
		return -1;
	work = new_removal(agent, s, call, params);
	if (!work)
		return fault_set(f, "InternalFailure", "Out of memory.");
	s->status = SNAPSHOT_DELETING;
	if (snapshots_record(agent->catalog, s, f) < 0) {
		s->status = SNAPSHOT_AVAILABLE;
		free_removal(work);
		return -1;
	}
	submit(work, s);
	return 0;
}

/* @resume: an agent that was killed may have left the writes held */
static void remove_rest(struct agent *agent, struct snapshot *s, bool resume)
{
	struct removal *work = new_removal(agent, s, NULL, NULL);
	struct cluster *cluster = cluster_find_volume(agent, s->volume_id);

	if (!work) {
		log_error("Out of memory.");
		return;
	}
	if (cluster && resume)
		cluster_device_name(cluster, work->thin.device);
	s->status = SNAPSHOT_DELETING;
	submit(work, s);
}

/** snapshot_sweep() - try again to remove what could not be removed */
void snapshot_sweep(struct agent *agent)
{
	for (struct snapshot *s = agent->snapshots; s; s = s->next)
		if (s->status == SNAPSHOT_DELETING && !s->busy)
			remove_rest(agent, s, false);
}

/** snapshot_resume() - undo the creations and finish the deletions that a killed agent has left */
void snapshot_resume(struct agent *agent)
{
	for (struct snapshot *s = agent->snapshots; s; s = s->next)
		if (s->status != SNAPSHOT_AVAILABLE && !s->busy)
			remove_rest(agent, s, s->status == SNAPSHOT_CREATING);
}
