// SPDX-License-Identifier: MIT
/* sources: agent/work/operation.c agent/work/operation_step.c agent/work/question.c agent/work/kept_header.c agent/catalog/headers.c agent/catalog/jobs.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/rules/rules.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c agent/catalog/pools.c */
/*
 * An operation continues after an answer of the KMS only if the audit trail has recorded the
 * answer. A denial takes effect without waiting for the trail.
 *
 * The test uses the real trail. Stand-ins for the KMS, the device threads and the client answer at
 * once and count their calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/kms_call.h"
#include "agent/api/reply.h"
#include "agent/catalog/cluster_list.h"
#include "agent/lease/grant.h"
#include "agent/lease/held_key.h"
#include "agent/work/fencing.h"
#include "agent/work/key_loss.h"
#include "agent/work/operation.h"
#include "agent/work/state.h"
#include "agent/volume/device_events.h"
#include "lib/base/json.h"

static struct {
	enum kms_outcome outcome; /* of the answer to come */
	unsigned int went_on, replies, denials;
	unsigned int undone;
	unsigned int looks; /* whether the key is lost, at the end of the operation */
	bool key_dropped;
	bool dropped_unrecorded; /* the key was dropped before the answer was recorded */
	char fault[64];		 /* sent to the client */
	const void *running;	 /* the operation in a device thread */
} seen;

int kms_call_begin(const struct cluster *asking, const char *operation, json_object *request,
		   const char *key_arn, kms_denied_t denied_first, kms_worker_done_t done,
		   void *userdata, struct fault *f)
{
	const struct fault denied = { "DisabledException", "the key is disabled" }, none = { 0 };
	const struct fault *why = seen.outcome == KMS_OK ? &none : &denied;

	if (seen.outcome == KMS_DENIED)
		denied_first(userdata);
	seen.dropped_unrecorded = seen.key_dropped;
	audit_kms_call(asking->agent->audit, operation, request, key_arn, why);
	done(NULL, seen.outcome, why, NULL, seen.outcome == KMS_OK ? secret_new(64) : NULL,
	     userdata);
	json_object_put(request);
	return 0;
}

void reply_fault(struct varlink_call *call, const struct fault *f)
{
	seen.replies++;
	strcpy(seen.fault, f->code);
}

void reply_cluster(struct varlink_call *call, const struct cluster *cluster)
{
	seen.replies++;
}

int grant_given(const struct cluster *cluster, const struct kms_worker *worker, struct grant *grant,
		struct fault *f)
{
	*grant = (struct grant){ 0 };
	return 0;
}

void key_loss_denied(struct cluster *cluster, uint64_t asked_ns, const struct kms_worker *worker,
		     const struct fault *f)
{
	seen.denials++;
}

void held_key_drop(struct cluster *cluster)
{
	seen.key_dropped = true;
}

bool fencing_is_on(const struct agent *agent)
{
	return false;
}

void fencing_note(struct cluster *cluster, bool held)
{
}

uint32_t fencing_claim(uint32_t own_s, uint64_t fence_end_ns)
{
	return own_s;
}

void fencing_learn(struct cluster *cluster, struct volume_job *job)
{
}

void key_loss_check(struct cluster *cluster)
{
	assert_null(cluster->operation);
	seen.looks++;
}

void state_flush(struct agent *agent)
{
}

static void undo(struct operation *op)
{
	assert_int_equal(seen.replies, 0);
	seen.undone++;
	operation_undone(op);
}

void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job)
{
	fail();
}

bool device_thread_runs(const struct device_thread *thread, const void *job)
{
	return seen.running == job;
}

void cluster_changed(struct cluster *cluster)
{
}

void device_events_changed(struct agent *agent)
{
}

void device_events_refresh(struct agent *agent)
{
}

static void next(struct operation *op, json_object *response, struct secret *plaintext)
{
	assert_non_null(plaintext);
	secret_free(plaintext);
	seen.went_on++;
	operation_end(op);
}

/* An operation on a cluster, up to the KMS's answer @outcome, with the trail in @path. */
static void begin(enum operation_kind kind, const char *path, enum kms_outcome outcome)
{
	struct cluster cluster = { .id = "db1",
				   .key_arn = "arn:aws:kms:us-east-1:123456789012:key/k" };
	struct agent agent = { 0 };
	struct operation *op;
	struct fault f;

	memset(&seen, 0, sizeof(seen));
	seen.outcome = outcome;
	assert_int_equal(audit_open(path, "us-east-1", "123456789012", &agent.audit, &f), 0);
	cluster.agent = &agent;
	op = operation_begin(&cluster, kind, NULL, NULL, &f);
	op->call = (struct varlink_call *)&seen; /* only handed on */
	op->undo = kind == OPERATION_CREATE ? undo : NULL;
	operation_ask(op, "Decrypt", json_object_new_object(), next);
	assert_int_equal(seen.replies, 1);
	audit_close(agent.audit);
}

static void start(const char *path, enum kms_outcome outcome)
{
	begin(OPERATION_START, path, outcome);
	assert_int_equal(seen.undone, 0);
	assert_int_equal(seen.looks, 1);
}

static void goes_on_when_it_is_recorded(void **state)
{
	char path[] = "/tmp/operation-test-XXXXXX";

	close(mkstemp(path));
	start(path, KMS_OK);
	assert_int_equal(seen.went_on, 1);
	assert_string_equal(seen.fault, "");
	unlink(path);
}

static void no_access_without_a_record(void **state)
{
	start("/dev/full", KMS_OK);
	assert_int_equal(seen.went_on, 0);
	assert_string_equal(seen.fault, "AuditTrailUnavailable");
	assert_int_equal(seen.denials, 0); /* no loss of the key */
	assert_false(seen.key_dropped);
}

static void a_denial_waits_for_no_log(void **state)
{
	start("/dev/full", KMS_DENIED);
	assert_int_equal(seen.went_on, 0);
	assert_int_equal(seen.denials, 1);
	assert_true(seen.dropped_unrecorded);
	assert_string_equal(seen.fault, "KMSKeyNotAccessibleFault");
}

/* Without the undo the cluster would remain, and a second try with the same name would fail. */
static void a_creation_is_undone_before_its_fault_is_sent(void **state)
{
	begin(OPERATION_CREATE, "/dev/null", KMS_DENIED);
	assert_int_equal(seen.undone, 1); /* the undo checks that no reply was sent before */
	assert_string_equal(seen.fault, "KMSKeyNotAccessibleFault");
}

/*
 * The agent ends while a disk hangs: the key that a device thread uses stays, others are wiped.
 */
static void keys_that_nobody_uses_are_wiped(void **state)
{
	struct agent agent = { 0 };
	struct cluster clusters[3] = { { .next = &clusters[1] }, { .next = &clusters[2] } };
	struct operation *held, *waiting;
	struct fault f;

	agent.clusters = clusters;
	for (size_t i = 0; i < 3; i++)
		clusters[i].agent = &agent;
	held = operation_begin(&clusters[0], OPERATION_START, NULL, NULL, &f);
	waiting = operation_begin(&clusters[1], OPERATION_START, NULL, NULL, &f);
	held->job.key = secret_new(64);
	waiting->job.key = secret_new(64);
	seen.running = held;
	operation_wipe_waiting(&agent);
	assert_non_null(held->job.key);
	assert_null(waiting->job.key);
	operation_abandon(held);
	operation_abandon(waiting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_when_it_is_recorded),
		cmocka_unit_test(no_access_without_a_record),
		cmocka_unit_test(a_denial_waits_for_no_log),
		cmocka_unit_test(a_creation_is_undone_before_its_fault_is_sent),
		cmocka_unit_test(keys_that_nobody_uses_are_wiped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
