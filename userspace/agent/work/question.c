// SPDX-License-Identifier: MIT
/*
 * The questions of an operation to the KMS. See operation.h.
 *
 * Must never let an operation go on with an answer that the audit trail did not record.
 */
#include <stdlib.h>

#include "agent/lease/grant.h"
#include "agent/lease/held_key.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/rules/rules.h"
#include "agent/work/key_loss.h"
#include "agent/work/operation.h"
#include "agent/work/state.h"

/** struct question - @op: NULL when nobody waits for the answer any more */
struct question {
	struct operation *op;
	void (*next)(struct operation *op, json_object *response, struct secret *plaintext);
};

/* Puts the KMS's refusal into RDS's words. */
static void refusal(struct operation *op, const struct fault *f)
{
	rules_key_not_accessible(cluster_key(op->cluster), &op->fault, "(%s: %.300s)%s", f->code,
				 f->message,
				 op->kind == OPERATION_RESTORE_SNAPSHOT
					 ? " A restore needs kms:ReEncryptFrom and kms:ReEncryptTo on the key, and kms:Decrypt."
					 : "");
}

/*
 * True if the cluster of this operation has been available before. A refusal of the KMS then means
 * that the cluster has lost its key.
 */
static bool loses_key(const struct operation *op)
{
	return op->kind == OPERATION_START || op->kind == OPERATION_ACTIVATE;
}

static void on_denied(void *userdata)
{
	struct question *step = userdata;

	if (step->op && loses_key(step->op))
		held_key_drop(step->op->cluster);
}

static void on_answer(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		      struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct question *step = userdata;
	struct operation *op = step->op;

	if (!op) {
		secret_free(plaintext);
		free(step);
		return;
	}
	op->question = NULL;
	if (outcome == KMS_OK && grant_given(op->cluster, worker, &op->answered, &op->fault) == 0 &&
	    audit_recorded(op->agent->audit, &op->fault) == 0) {
		step->next(op, response, plaintext);
	} else if (outcome == KMS_OK) {
		secret_free(plaintext);
		operation_fail(op);
	} else {
		secret_free(plaintext);
		if (outcome == KMS_DENIED) {
			refusal(op, f);
			if (loses_key(op))
				key_loss_denied(op->cluster, op->job.asked_ns, worker, f);
			state_flush(op->agent);
		} else {
			op->fault = *f;
		}
		operation_fail(op);
	}
	free(step);
}

/**
 * operation_ask() - ask the KMS; the operation goes on only if the audit trail recorded the answer
 * @kms_operation: a literal
 * @request: taken over
 * @next: gets the KMS's answer (borrowed) and its plaintext (taken over). It is not called after a
 *	refusal or a failure: the operation fails then
 */
void operation_ask(struct operation *op, const char *kms_operation, json_object *request,
		   void (*next)(struct operation *op, json_object *response,
				struct secret *plaintext))
{
	struct question *step = calloc(1, sizeof(*step));
	const char *arn = op->cluster->key_arn[0] ? op->cluster->key_arn : NULL;

	if (!step) {
		json_object_put(request);
		fault_set(&op->fault, "InternalFailure", "Out of memory.");
		operation_fail(op);
		return;
	}
	step->op = op;
	step->next = next;
	op->question = step;
	op->job.asked_ns = lease_now();
	if (kms_call_begin(op->cluster, kms_operation, request, arn, on_denied, on_answer, step,
			   &op->fault) < 0) {
		op->question = NULL;
		free(step);
		operation_fail(op);
	}
}

/**
 * operation_take_key() - take over the plaintext that the KMS gave for a Decrypt
 *
 * Return: false when the KMS gave no plaintext; the operation has failed then.
 */
bool operation_take_key(struct operation *op, struct secret *plaintext)
{
	op->job.key = plaintext;
	if (plaintext)
		return true;
	fault_set(&op->fault, "InternalFailure", "The KMS answered Decrypt without a key.");
	operation_fail(op);
	return false;
}

/** operation_unask() - nobody waits for the answer of the KMS any more; it is dropped when it comes */
void operation_unask(struct operation *op)
{
	if (op->question)
		op->question->op = NULL;
	op->question = NULL;
}
