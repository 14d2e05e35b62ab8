// SPDX-License-Identifier: MIT
/* sources: agent/work/state.c agent/work/key_loss.c agent/work/denial_count.c agent/work/recovery_window.c agent/catalog/denials.c agent/work/loss_record.c agent/lease/held_key.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/statement.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/catalog/cluster_list.c agent/catalog/grants.c agent/lease/grant.c agent/lease/newest_change.c agent/catalog/kms_changes.c agent/api/cluster_json.c agent/lease/lease.c agent/rules/rules.c agent/catalog/protections.c */
/*
 * When a refusal of the KMS is final: a first refusal is not, a refusal within a second of it is not,
 * and no refusal is during a start: the KMS may return the key to the start, or refuse the key.
 *
 * The test uses the real catalog and trail. Stand-ins replace the kernel's keys, the device threads
 * and the KMS, and count their calls. The test gives the answer of the KMS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/lease/grant.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/volume/device_events.h"
#include "agent/work/catalog_witness.h"
#include "agent/work/key_loss.h"
#include "agent/work/recovery_window.h"
#include "agent/work/state.h"

static unsigned int jobs; /* given to a device thread */
static unsigned int revoked;

static struct {
	unsigned int asked;
	kms_worker_done_t done;
	void *userdata;
	const char *id, *principal; /* of the answer */
} kms;

static struct agent agent;
static struct cluster cluster, others[3];
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

static void answer(enum kms_outcome outcome, const char *code, const char *message)
{
	struct fault f = { 0 };

	if (*code)
		fault_set(&f, code, "%s", message);
	kms.done(NULL, outcome, &f, NULL, NULL, kms.userdata);
}

static const struct fault disabled = { "DisabledException", "It is disabled." };

static void denied(uint64_t asked_ns)
{
	key_loss_denied(&cluster, asked_ns, NULL, &disabled);
}

static void expect(enum cluster_status status, const char *reason)
{
	state_flush(&agent);
	assert_string_equal(cluster_status_name(cluster.status), cluster_status_name(status));
	if (strncmp(cluster.reason, reason, strlen(reason)))
		fail_msg("expected the reason \"%s\", seen \"%s\"", reason, cluster.reason);
}

/* A cluster whose key is refused, and long ago, so that the KMS is asked again. */
static void refuse_once_more(void)
{
	denied(lease_now());
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 1);
}

/* An available cluster whose key is refused, and long ago. */
static void refuse_once(void)
{
	cluster.status = CLUSTER_AVAILABLE;
	cluster.key = 7;
	denied(lease_now());
	assert_int_equal(revoked, 1);
	assert_int_equal(cluster.key, 0);
	expect(CLUSTER_RECOVERABLE, "DisabledException: It is disabled. Not final yet");
	assert_int_equal(kms.asked, 0); /* not in the same second */
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 1);
}

static void a_window_does_not_end_in_the_middle_of_a_start(void **state)
{
	agent.config.recovery_window_seconds = 60;
	cluster.status = CLUSTER_RECOVERABLE;
	cluster.loss.counted_ns = lease_now();
	cluster.loss.spent_ns = 61 * NS_PER_S;
	cluster.loss.denied_ns = 1;
	cluster.operation = (struct operation *)&cluster; /* only looked for */
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 0);
	/* At its end it is looked at again, and the KMS is asked. */
	cluster.operation = NULL;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 1);
	/* A start that began meanwhile has the KMS's later answer. */
	cluster.operation = (struct operation *)&cluster;
	answer(KMS_DENIED, "DisabledException", "It is disabled.");
	expect(CLUSTER_RECOVERABLE, "");
	cluster.operation = NULL;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 2);
	answer(KMS_DENIED, "DisabledException", "It is disabled.");
	expect(CLUSTER_INACCESSIBLE, "DisabledException: It is disabled.");
	assert_int_equal(jobs, 1);
}

static void an_open_window_asks_nothing(void **state)
{
	agent.config.recovery_window_seconds = 3600;
	cluster.status = CLUSTER_RECOVERABLE;
	cluster.denied_since = time(NULL);
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 0);
	denied(lease_now()); /* to a start */
	expect(CLUSTER_RECOVERABLE, "DisabledException");
}

static void a_jump_of_the_wall_clock_ends_no_window(void **state)
{
	agent.config.recovery_window_seconds = 7 * 86400;
	cluster.status = CLUSTER_AVAILABLE;
	denied(lease_now());
	/* The refusal seems to be eight days old. */
	cluster.denied_since -= 8 * 86400;
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
	if (kms.asked)
		fail_msg("the wall clock has ended a recovery window");
	expect(CLUSTER_RECOVERABLE, "DisabledException");
}

static void change_row(const char *sql)
{
	state_flush(&agent);
	assert_int_equal(sqlite3_exec(catalog_db(agent.catalog), sql, NULL, NULL, NULL), SQLITE_OK);
}

/* What the next agent reads. */
static void restart(void)
{
	state_flush(&agent);
	cluster.loss.timer = sd_event_source_disable_unref(cluster.loss.timer);
	memset(&cluster.loss, 0, sizeof(cluster.loss));
	recovery_window_load(&cluster);
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
}

static void a_window_counts_the_time_of_all_boots(void **state)
{
	agent.config.recovery_window_seconds = 3600;
	cluster.status = CLUSTER_AVAILABLE;
	denied(lease_now());
	restart();
	assert_int_equal(kms.asked, 0);
	/* An earlier boot, with a clock of its own. */
	change_row("UPDATE denial SET boot = 'another', counted = 1, spent = 3500000000000");
	restart();
	assert_int_equal(kms.asked, 0);
	change_row("UPDATE denial SET boot = 'another', counted = 1, spent = 3600000000000");
	restart();
	if (kms.asked != 1)
		fail_msg("the time of an earlier boot is forgotten");
	answer(KMS_OK, "", "");
}

/* The agent was not there for an hour of this boot. */
static void a_window_counts_the_time_between_two_agents(void **state)
{
	agent.config.recovery_window_seconds = 3600;
	cluster.status = CLUSTER_AVAILABLE;
	denied(lease_now());
	change_row("UPDATE denial SET counted = counted - 3600000000000");
	restart();
	assert_int_equal(kms.asked, 1);
	answer(KMS_OK, "", "");
	/* Given again: the next refusal has a window of its own, also if a full disk kept the row. */
	change_row("INSERT OR REPLACE INTO denial VALUES"
		   " ('vol-0123456789abcdef0', 'another', 1, 3600000000000)");
	restart();
	denied(lease_now());
	restart();
	if (kms.asked != 1)
		fail_msg("an old refusal has spent the window");
}

static void a_second_refusal_is_final(void **state)
{
	refuse_once();
	answer(KMS_DENIED, "DisabledException", "It is still disabled.");
	expect(CLUSTER_INACCESSIBLE, "DisabledException: It is still disabled.");
	assert_int_equal(jobs, 2);
	assert_int_equal(kms.asked, 1);
}

static void a_refusal_within_the_same_second_confirms_nothing(void **state)
{
	uint64_t now = lease_now();

	cluster.status = CLUSTER_AVAILABLE;
	denied(now);
	/* Asked for before, or in the second after. */
	denied(now);
	denied(cluster.loss.denied_ns + NS_PER_S - 1);
	expect(CLUSTER_RECOVERABLE, "DisabledException");
	denied(cluster.loss.denied_ns + NS_PER_S);
	expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

static void silence_after_a_refusal_confirms_nothing(void **state)
{
	refuse_once();
	for (unsigned int i = 1; i <= 3; i++) {
		answer(i % 2 ? KMS_UNREACHABLE : KMS_BAD_REQUEST, "KMSUnreachable", "It is away.");
		expect(CLUSTER_RECOVERABLE, "DisabledException");
		assert_int_equal(kms.asked, i);
		cluster.loss.again_ns = 1; /* the time passes */
		key_loss_check(&cluster);
	}
	assert_int_equal(kms.asked, 4);
	answer(KMS_DENIED, "DisabledException", "It is disabled.");
	expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

static void a_key_that_is_given_at_the_second_question_is_not_lost(void **state)
{
	refuse_once();
	answer(KMS_OK, "", "");
	expect(CLUSTER_STOPPED, "refused-once: the KMS refused the key (DisabledException)");
	assert_int_equal(cluster.denied_since, 0);
	assert_int_equal(jobs, 2); /* the disk forgets it */
	/* And a later refusal is a first one. */
	denied(lease_now() + 10 * NS_PER_S);
	expect(CLUSTER_RECOVERABLE, "DisabledException");
}

static void another_kms_gives_no_verdict(void **state)
{
	cluster.status = CLUSTER_AVAILABLE;
	cluster.key = 7;
	kms.id = "other";
	denied(lease_now());
	assert_int_equal(revoked, 1); /* access ends in any case */
	expect(CLUSTER_STOPPED,
	       "other-kms: envelope-kms other refused the key (DisabledException), "
	       "but envelope-kms own gave it last.");
	/* Neither does it confirm what the cluster's own KMS said. */
	kms.id = "own";
	refuse_once_more();
	kms.id = "other";
	answer(KMS_DENIED, "NotFoundException", "Unknown key.");
	expect(CLUSTER_RECOVERABLE, "DisabledException");
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	kms.id = "own";
	answer(KMS_DENIED, "DisabledException", "It is disabled.");
	expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

/* Another cluster of the agent, with a key of the number @key, whose key is refused now. */
static void refuse_other(size_t i, int key)
{
	struct cluster *c = &others[i];

	*c = (struct cluster){ .agent = &agent,
			       .device = (char *)"/dev/vdc",
			       .status = CLUSTER_AVAILABLE,
			       .grant = cluster.grant,
			       .next = agent.clusters };
	snprintf(c->id, sizeof(c->id), "other%zu", i);
	snprintf(c->volume_id, sizeof(c->volume_id), "vol-%017zu", i);
	snprintf(c->resource_id, sizeof(c->resource_id), "cluster-%zu", i);
	snprintf(c->key_arn, sizeof(c->key_arn), "arn:aws:kms:us-east-1:123456789012:key/%d", key);
	agent.clusters = c;
	key_loss_denied(c, lease_now(), NULL, &disabled);
}

static void many_keys_refused_at_once_are_not_lost(void **state)
{
	agent.config.max_denials = 3;
	refuse_other(0, 1);
	refuse_other(1, 2);
	refuse_other(2, 3);
	assert_null(strstr(others[2].reason, "many-denials"));
	cluster.status = CLUSTER_AVAILABLE;
	denied(lease_now()); /* the fourth */
	for (size_t i = 0; i < 3; i++)
		assert_non_null(strstr(others[i].reason, "many-denials"));
	expect(CLUSTER_RECOVERABLE, "many-denials: the KMS refuses more than MaxDenials=3 keys at "
				    "once (DisabledException: It is disabled.");
	cluster.loss.denied_ns = 1;
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	answer(KMS_DENIED, "DisabledException", "It is disabled.");
	expect(CLUSTER_RECOVERABLE, "many-denials");
	/* Not even when it alone is refused, much later. */
	for (size_t i = 0; i < 3; i++)
		others[i].loss.refused_ns = 1;
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	answer(KMS_DENIED, "DisabledException", "It is disabled.");
	expect(CLUSTER_RECOVERABLE, "many-denials");
	/* The KMS gives the key again; or a person confirms. */
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	answer(KMS_OK, "", "");
	expect(CLUSTER_STOPPED, "given-again: ");
	key_loss_confirm(&others[0]);
	assert_int_equal(others[0].status, CLUSTER_INACCESSIBLE);
	assert_non_null(strstr(others[0].reason, "confirmed: An administrator"));
}

static void a_key_of_many_clusters_counts_once(void **state)
{
	agent.config.max_denials = 1;
	refuse_other(0, 1);
	refuse_other(1, 1);
	refuse_other(2, 1);
	for (size_t i = 0; i < 3; i++)
		assert_null(strstr(others[i].reason, "many-denials"));
	/* A minute later another one is one again. */
	for (size_t i = 0; i < 3; i++)
		others[i].loss.refused_ns = 1;
	refuse_once();
	answer(KMS_DENIED, "DisabledException", "It is disabled.");
	expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

static int set_up(void **state)
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

static int tear_down(void **state)
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

#define with_cluster(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_cluster(a_window_does_not_end_in_the_middle_of_a_start),
		with_cluster(an_open_window_asks_nothing),
		with_cluster(a_jump_of_the_wall_clock_ends_no_window),
		with_cluster(a_window_counts_the_time_of_all_boots),
		with_cluster(a_window_counts_the_time_between_two_agents),
		with_cluster(a_second_refusal_is_final),
		with_cluster(a_refusal_within_the_same_second_confirms_nothing),
		with_cluster(silence_after_a_refusal_confirms_nothing),
		with_cluster(many_keys_refused_at_once_are_not_lost),
		with_cluster(a_key_of_many_clusters_counts_once),
		with_cluster(another_kms_gives_no_verdict),
		with_cluster(a_key_that_is_given_at_the_second_question_is_not_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
