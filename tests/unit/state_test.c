// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/loss_fixture.c agent/work/state.c agent/catalog/stamps.c agent/catalog/reaches.c agent/catalog/settings.c agent/work/key_loss.c agent/work/denial_count.c agent/work/recovery_window.c agent/catalog/denials.c agent/volume/sysfs.c agent/work/loss_record.c agent/lease/held_key.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/catalog/cluster_list.c agent/catalog/grants.c agent/lease/grant.c agent/lease/newest_change.c agent/catalog/kms_changes.c agent/api/cluster_json.c agent/lease/lease.c agent/rules/rules.c agent/catalog/protections.c agent/catalog/places.c agent/catalog/boot_starts.c agent/catalog/lengths.c */
/*
 * When a refusal of the KMS is final: a first refusal is not, a refusal within a second of it is not,
 * and no refusal is during a start: the KMS may return the key to the start, or refuse the key.
 *
 * loss_fixture.c has the agent and its stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loss_fixture.h"

#include "agent/lease/lease.h"
#include "agent/work/key_loss.h"
#include "agent/work/recovery_window.h"
#include "agent/work/state.h"

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
	loss_answer(KMS_DENIED, "DisabledException", "It is disabled.");
	loss_expect(CLUSTER_RECOVERABLE, "");
	cluster.operation = NULL;
	key_loss_check(&cluster);
	assert_int_equal(kms.asked, 2);
	loss_answer(KMS_DENIED, "DisabledException", "It is disabled.");
	loss_expect(CLUSTER_INACCESSIBLE, "DisabledException: It is disabled.");
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
	loss_denied(lease_now()); /* to a start */
	loss_expect(CLUSTER_RECOVERABLE, "DisabledException");
}

static void a_jump_of_the_wall_clock_ends_no_window(void **state)
{
	agent.config.recovery_window_seconds = 7 * 86400;
	cluster.status = CLUSTER_AVAILABLE;
	loss_denied(lease_now());
	/* The refusal seems to be eight days old. */
	cluster.denied_since -= 8 * 86400;
	cluster.loss.denied_ns = 1;
	key_loss_check(&cluster);
	if (kms.asked)
		fail_msg("the wall clock has ended a recovery window");
	loss_expect(CLUSTER_RECOVERABLE, "DisabledException");
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
	loss_denied(lease_now());
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
	loss_answer(KMS_OK, "", "");
}

/* The agent was not there for half of this boot, and the window is over since then. */
static void a_window_counts_the_time_between_two_agents(void **state)
{
	/* Less than the host is up, and less than the window. */
	uint64_t up = lease_now(), away = up < 3600 * NS_PER_S ? up / 2 : 1800 * NS_PER_S;
	uint64_t before = 3600 * NS_PER_S - away;
	char sql[128];

	snprintf(sql, sizeof(sql),
		 "UPDATE denial SET counted = counted - %" PRIu64 ", spent = %" PRIu64, away,
		 before);
	agent.config.recovery_window_seconds = 3600;
	cluster.status = CLUSTER_AVAILABLE;
	loss_denied(lease_now());
	change_row(sql);
	restart();
	assert_int_equal(kms.asked, 1);
	loss_answer(KMS_OK, "", "");
	/* Given again: the next refusal has a window of its own, also if a full disk kept the row. */
	change_row("INSERT OR REPLACE INTO denial VALUES"
		   " ('vol-0123456789abcdef0', 'another', 1, 3600000000000)");
	restart();
	loss_denied(lease_now());
	restart();
	if (kms.asked != 1)
		fail_msg("an old refusal has spent the window");
}

static void a_second_refusal_is_final(void **state)
{
	loss_refuse_once();
	loss_answer(KMS_DENIED, "DisabledException", "It is still disabled.");
	loss_expect(CLUSTER_INACCESSIBLE, "DisabledException: It is still disabled.");
	assert_int_equal(jobs, 2);
	assert_int_equal(kms.asked, 1);
}

static void a_refusal_within_the_same_second_confirms_nothing(void **state)
{
	uint64_t now = lease_now();

	cluster.status = CLUSTER_AVAILABLE;
	loss_denied(now);
	/* Asked for before, or in the second after. */
	loss_denied(now);
	loss_denied(cluster.loss.denied_ns + NS_PER_S - 1);
	loss_expect(CLUSTER_RECOVERABLE, "DisabledException");
	loss_denied(cluster.loss.denied_ns + NS_PER_S);
	loss_expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

static void silence_after_a_refusal_confirms_nothing(void **state)
{
	loss_refuse_once();
	for (unsigned int i = 1; i <= 3; i++) {
		loss_answer(i % 2 ? KMS_UNREACHABLE : KMS_BAD_REQUEST, "KMSUnreachable",
			    "It is away.");
		loss_expect(CLUSTER_RECOVERABLE, "DisabledException");
		assert_int_equal(kms.asked, i);
		cluster.loss.again_ns = 1; /* the time passes */
		key_loss_check(&cluster);
	}
	assert_int_equal(kms.asked, 4);
	loss_answer(KMS_DENIED, "DisabledException", "It is disabled.");
	loss_expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

static void a_key_that_is_given_at_the_second_question_is_not_lost(void **state)
{
	loss_refuse_once();
	loss_answer(KMS_OK, "", "");
	loss_expect(CLUSTER_STOPPED, "refused-once: the KMS refused the key (DisabledException)");
	assert_int_equal(cluster.denied_since, 0);
	assert_int_equal(jobs, 2); /* the disk forgets it */
	/* And a later refusal is a first one. */
	loss_denied(lease_now() + 10 * NS_PER_S);
	loss_expect(CLUSTER_RECOVERABLE, "DisabledException");
}

static void another_kms_gives_no_verdict(void **state)
{
	cluster.status = CLUSTER_AVAILABLE;
	cluster.key = 7;
	kms.id = "other";
	loss_denied(lease_now());
	assert_int_equal(revoked, 1); /* access ends in any case */
	loss_expect(CLUSTER_STOPPED,
		    "other-kms: envelope-kms other refused the key (DisabledException), "
		    "but envelope-kms own gave it last.");
	/* Neither does it confirm what the cluster's own KMS said. */
	kms.id = "own";
	loss_refuse_once_more();
	kms.id = "other";
	loss_answer(KMS_DENIED, "NotFoundException", "Unknown key.");
	loss_expect(CLUSTER_RECOVERABLE, "DisabledException");
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	kms.id = "own";
	loss_answer(KMS_DENIED, "DisabledException", "It is disabled.");
	loss_expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CLUSTER(a_window_does_not_end_in_the_middle_of_a_start),
		WITH_CLUSTER(an_open_window_asks_nothing),
		WITH_CLUSTER(a_jump_of_the_wall_clock_ends_no_window),
		WITH_CLUSTER(a_window_counts_the_time_of_all_boots),
		WITH_CLUSTER(a_window_counts_the_time_between_two_agents),
		WITH_CLUSTER(a_second_refusal_is_final),
		WITH_CLUSTER(a_refusal_within_the_same_second_confirms_nothing),
		WITH_CLUSTER(silence_after_a_refusal_confirms_nothing),
		WITH_CLUSTER(another_kms_gives_no_verdict),
		WITH_CLUSTER(a_key_that_is_given_at_the_second_question_is_not_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
