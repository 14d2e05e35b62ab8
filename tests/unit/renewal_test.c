// SPDX-License-Identifier: MIT
/* sources: agent/lease/renewal.c agent/lease/lease.c agent/lease/held_key.c agent/catalog/cluster.c agent/catalog/cluster_list.c agent/rules/rules.c */
/*
 * The renewals of an agent that starts while many volumes are live: the KMS is called for the least
 * lease left first, for many at once, but not for all, and for each volume once.
 *
 * The KMS answers when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/grant.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/lease/renewal.h"
#include "agent/volume/device_events.h"
#include "agent/work/fencing.h"
#include "agent/work/key_loss.h"
#include "agent/work/kms_record.h"
#include "agent/work/loss_record.h"
#include "agent/work/ownership.h"

#define VOLUMES 500

struct call {
	kms_worker_done_t done;
	void *userdata;
};

static struct {
	struct call calls[VOLUMES + 1];
	char asked[VOLUMES + 1][22]; /* volume ids, in the order of the calls */
	unsigned int begun, answered, renewed;
} seen;

static struct agent agent;

json_object *kms_decrypt(const struct cluster *cluster, const uint8_t *wrapped, size_t size,
			 const char *header_sha256, bool dry_run)
{
	assert_true(dry_run && seen.begun < VOLUMES);
	strcpy(seen.asked[seen.begun], cluster->volume_id);
	return NULL;
}

int kms_call_begin(const struct cluster *asking, const char *operation, json_object *request,
		   const char *key_arn, kms_denied_t denied, kms_worker_done_t done, void *userdata,
		   struct fault *f)
{
	seen.calls[seen.begun++] = (struct call){ done, userdata };
	return 0;
}

int keyring_renew(int32_t *keyring, int32_t key, uint64_t deadline_ns)
{
	seen.renewed++;
	return 0;
}

int keyring_revoke(int32_t keyring, int32_t key)
{
	return 0;
}

void device_events_changed(struct agent *a)
{
}

void device_events_refresh(struct agent *a)
{
	fail();
}

bool grant_note(struct cluster *cluster, const struct kms_worker *worker, struct fault *why)
{
	return true;
}

void kms_record_write(struct cluster *cluster)
{
}

void key_loss_denied(struct cluster *cluster, uint64_t asked_ns, const struct kms_worker *worker,
		     const struct fault *f)
{
	fail();
}

bool loss_record_refute(struct cluster *cluster)
{
	return false;
}

void ownership_renew(struct cluster *cluster)
{
}

void fencing_watch(struct cluster *cluster)
{
}

static void run_until_idle(void)
{
	while (sd_event_run(agent.event, 0) > 0)
		;
}

static void answer_next(void)
{
	const struct fault none = { 0 };
	const struct call *call = &seen.calls[seen.answered++];

	call->done(NULL, KMS_OK, &none, NULL, NULL, call->userdata);
}

static void the_least_lease_is_renewed_first_and_many_at_once(void **state)
{
	static char by_urgency[VOLUMES][22];
	unsigned int at_once;

	agent.config.lease_seconds = 3600;
	agent.config.renew_seconds = 1200;
	agent.config.region = "us-east-1";
	assert_true(sd_event_new(&agent.event) >= 0);
	for (unsigned int i = 0; i < VOLUMES; i++) {
		struct cluster *c = calloc(1, sizeof(*c));
		unsigned int urgency = i * 7 % VOLUMES; /* in no order of the list */

		snprintf(c->volume_id, sizeof(c->volume_id), "vol-%u", i);
		strcpy(c->region, "us-east-1");
		strcpy(c->mapping.name, "envelope-db");
		c->key = (int32_t)i + 1;
		cluster_add(&agent, c);
		strcpy(by_urgency[urgency], c->volume_id);
		renewal_start(c, lease_now() + (1000 + urgency) * NS_PER_S, false);
	}
	/* All timers have run out. */
	usleep(10000);
	assert_true(sd_event_run(agent.event, UINT64_MAX) > 0);
	run_until_idle();
	at_once = seen.begun;
	print_message("# %u calls at once\n", at_once);
	assert_in_range(at_once, 16, 128);
	while (seen.answered < VOLUMES) {
		assert_true(seen.answered < seen.begun);
		answer_next();
		run_until_idle();
		assert_true(seen.begun - seen.answered <= at_once);
	}
	assert_int_equal(seen.begun, VOLUMES);
	assert_int_equal(seen.renewed, VOLUMES);
	for (unsigned int i = 0; i < VOLUMES; i++)
		assert_string_equal(seen.asked[i], by_urgency[i]);
	while (agent.clusters)
		cluster_remove(agent.clusters);
	sd_event_source_disable_unref(agent.renew);
	sd_event_unref(agent.event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_lease_is_renewed_first_and_many_at_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
