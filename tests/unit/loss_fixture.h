/* SPDX-License-Identifier: MIT */
/*
 * An agent with one cluster, for tests of lost keys. The catalog and the trail are real. Stand-ins
 * replace the kernel's keys, the device threads and the KMS, and count their calls. The test gives
 * the answer of the KMS.
 */
#ifndef ENVELOPE_LOSS_FIXTURE_H
#define ENVELOPE_LOSS_FIXTURE_H

#include "agent/agent.h"
#include "agent/lease/kms_call.h"

/** struct loss_kms - the KMS; @id, @principal: of its answer */
struct loss_kms {
	unsigned int asked;
	kms_worker_done_t done;
	void *userdata;
	const char *id, *principal;
};

extern unsigned int jobs; /* given to a device thread */
extern unsigned int revoked;
extern struct loss_kms kms;
extern struct agent agent;
extern struct cluster cluster, others[3];

void loss_answer(enum kms_outcome outcome, const char *code, const char *message);
void loss_denied(uint64_t asked_ns);
void loss_expect(enum cluster_status status, const char *reason);
void loss_refuse_once_more(void);
void loss_refuse_once(void);
void loss_refuse_other(size_t i, int key);

int loss_set_up(void **state);
int loss_tear_down(void **state);
#define WITH_CLUSTER(test) cmocka_unit_test_setup_teardown(test, loss_set_up, loss_tear_down)

#endif
