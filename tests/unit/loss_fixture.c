// SPDX-License-Identifier: MIT
/* See loss_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loss_fixture.h"

#include "agent/lease/grant.h"
#include "agent/lease/keyring.h"
#include "agent/lease/lease.h"
#include "agent/volume/device_events.h"
#include "agent/volume/write_claim.h"
#include "agent/work/catalog_witness.h"
#include "agent/work/key_loss.h"
#include "agent/work/state.h"

unsigned int jobs;
unsigned int revoked;
struct loss_kms kms;
struct agent agent;
struct cluster cluster, others[3];
static char folder[40];

int keyring_revoke(int32_t keyring, int32_t key)
{
	revoked++;
	return 0;
}

void device_events_changed(struct agent *unused)
{
}

void catalog_witness(struct cluster *of, const struct fault *refusal, catalog_witness_done_t done)
{
	const struct fault none = { 0 };

	done(of, refusal, &none);
}

int write_claim(const char *device, dev_t number, const char *volume_id, struct fault *f)
{
	return -1;
}

void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job)
{
	jobs++;
	free(job);
}

json_object *kms_decrypt(const struct cluster *of, const uint8_t *wrapped, size_t size,
			 const char *header_sha256, bool dry_run)
{
	assert_true(dry_run);
	return NULL;
}

int kms_call_begin(const struct cluster *asking, const char *operation, json_object *request,
		   const char *key_arn, kms_denied_t denied, kms_worker_done_t done, void *userdata,
		   struct fault *f)
{
	assert_string_equal(operation, "Decrypt");
	kms.asked++;
	kms.done = done;
	kms.userdata = userdata;
	return 0;
}

void kms_call_from_first(const struct cluster *of)
{
}

const char *kms_worker_kms_id(const struct kms_worker *worker)
{
	return kms.id;
}

int64_t kms_worker_change(const struct kms_worker *worker, int64_t *newest)
{
	*newest = 0;
	return 0;
}

const char *kms_worker_endpoint(const struct kms_worker *worker)
{
	return "https://unused";
}

const char *kms_worker_principal(const struct kms_worker *worker)
{
	return kms.principal;
}

void loss_answer(enum kms_outcome outcome, const char *code, const char *message)
{
	struct fault f = { 0 };

	if (*code)
		fault_set(&f, code, "%s", message);
	kms.done(NULL, outcome, &f, NULL, NULL, kms.userdata);
}

static const struct fault disabled = { "DisabledException", "It is disabled." };

void loss_denied(uint64_t asked_ns)
{
	key_loss_denied(&cluster, asked_ns, NULL, &disabled);
}

void loss_expect(enum cluster_status status, const char *reason)
{
	state_flush(&agent);
	assert_string_equal(cluster_status_name(cluster.status), cluster_status_name(status));
	if (strncmp(cluster.reason, reason, strlen(reason)))
		fail_msg("expected the reason \"%s\", seen \"%s\"", reason, cluster.reason);
}

/* A cluster whose key is refused, and long ago, so that the KMS is asked again. */
void loss_refuse_once_more(void)
{
	loss_denied(lease_now());
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 1);
}

/* An available cluster whose key is refused, and long ago. */
void loss_refuse_once(void)
{
	cluster.status = CLUSTER_AVAILABLE;
	cluster.key = 7;
	loss_denied(lease_now());
	assert_int_equal(revoked, 1);
	assert_int_equal(cluster.key, 0);
	loss_expect(CLUSTER_RECOVERABLE, "DisabledException: It is disabled. Not final yet");
	assert_int_equal(kms.asked, 0); /* not in the same second */
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 1);
}

/* Another cluster of the agent, with a key of the number @key, whose key is refused now. */
void loss_refuse_other(size_t i, int key)
{
	struct cluster *c = &others[i];

	*c = (struct cluster){ .device = (char *)"/dev/vdc",
			       .agent = &agent,
			       .status = CLUSTER_AVAILABLE,
			       .region = "us-east-1",
			       .grant = cluster.grant,
			       .next = agent.clusters };
	snprintf(c->id, sizeof(c->id), "other%zu", i);
	snprintf(c->volume_id, sizeof(c->volume_id), "vol-%017zu", i);
	snprintf(c->resource_id, sizeof(c->resource_id), "cluster-%zu", i);
	snprintf(c->key_arn, sizeof(c->key_arn), "arn:aws:kms:us-east-1:123456789012:key/%d", key);
	agent.clusters = c;
	key_loss_denied(c, lease_now(), NULL, &disabled);
}

int loss_set_up(void **state)
{
	char trail[64], catalog[64];
	struct fault f;

	strcpy(folder, "/tmp/envelope-state-XXXXXX");
	jobs = 0;
	revoked = 0;
	memset(&kms, 0, sizeof(kms));
	memset(others, 0, sizeof(others));
	agent = (struct agent){ .clusters = &cluster,
				.config = { .renew_seconds = 20,
					    .max_denials = 3,
					    .region = (char *)"us-east-1",
					    .kms_endpoint = (char *)"https://unused" } };
	cluster = (struct cluster){
		.device = (char *)"/dev/vdb",
		.agent = &agent,
		.id = "db1",
		.volume_id = "vol-0123456789abcdef0",
		.region = "us-east-1",
		.key_arn =
			"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		.grant = { "envelope-kms own", "AKIAOLD" },
	};
	kms.id = "own";
	kms.principal = "AKIAOLD";
	if (!mkdtemp(folder))
		return -1;
	snprintf(trail, sizeof(trail), "%s/audit", folder);
	snprintf(catalog, sizeof(catalog), "%s/catalog", folder);
	return sd_event_new(&agent.event) < 0 ||
	       audit_open(trail, "us-east-1", "123456789012", &agent.audit, &f) < 0 ||
	       catalog_open(catalog, &agent.catalog, &f) < 0;
}

int loss_tear_down(void **state)
{
	char command[64];

	state_flush(&agent);
	sd_event_source_disable_unref(cluster.loss.timer);
	for (size_t i = 0; i < 3; i++)
		sd_event_source_disable_unref(others[i].loss.timer);
	sd_event_unref(agent.event);
	audit_close(agent.audit);
	catalog_close(agent.catalog);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}
