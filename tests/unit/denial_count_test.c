// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/loss_fixture.c agent/work/state.c agent/catalog/stamps.c agent/catalog/reaches.c agent/catalog/settings.c agent/work/key_loss.c agent/work/denial_count.c agent/work/recovery_window.c agent/catalog/denials.c agent/volume/sysfs.c agent/work/loss_record.c agent/lease/held_key.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/catalog/cluster_list.c agent/catalog/grants.c agent/lease/grant.c agent/lease/newest_change.c agent/catalog/kms_changes.c agent/api/cluster_json.c agent/lease/lease.c agent/rules/rules.c agent/catalog/protections.c agent/catalog/places.c agent/catalog/boot_starts.c agent/catalog/lengths.c */
/*
 * Keys that the KMS refuses at once: how long refusals count together, and that no cluster is lost by
 * many of them, also the first ones.
 *
 * loss_fixture.c has the agent and its stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "loss_fixture.h"

#include "agent/lease/lease.h"
#include "agent/work/denial_count.h"
#include "agent/work/key_loss.h"
#include "agent/work/recovery_window.h"
#include "agent/work/state.h"

static void many_keys_refused_at_once_are_not_lost(void **state)
{
	agent.config.max_denials = 3;
	loss_refuse_other(0, 1);
	loss_refuse_other(1, 2);
	loss_refuse_other(2, 3);
	assert_null(strstr(others[2].reason, "many-denials"));
	cluster.status = CLUSTER_AVAILABLE;
	loss_denied(lease_now()); /* the fourth */
	for (size_t i = 0; i < 3; i++)
		assert_non_null(strstr(others[i].reason, "many-denials"));
	loss_expect(CLUSTER_RECOVERABLE,
		    "many-denials: the KMS refuses more than MaxDenials=3 keys at "
		    "once (DisabledException: It is disabled.");
	cluster.loss.denied_ns = 1;
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	loss_answer(KMS_DENIED, "DisabledException", "It is disabled.");
	loss_expect(CLUSTER_RECOVERABLE, "many-denials");
	/* Not even when it alone is refused, much later. */
	for (size_t i = 0; i < 3; i++)
		others[i].loss.refused_ns = 1;
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	loss_answer(KMS_DENIED, "DisabledException", "It is disabled.");
	loss_expect(CLUSTER_RECOVERABLE, "many-denials");
	/* The KMS gives the key again; or a person confirms. */
	cluster.loss.again_ns = 1;
	key_loss_check(&cluster);
	loss_answer(KMS_OK, "", "");
	loss_expect(CLUSTER_STOPPED, "given-again: ");
	key_loss_confirm(&others[0], NULL);
	assert_int_equal(others[0].status, CLUSTER_INACCESSIBLE);
	assert_non_null(strstr(others[0].reason, "confirmed: An administrator"));
}

static void a_key_of_many_clusters_counts_once(void **state)
{
	agent.config.max_denials = 1;
	loss_refuse_other(0, 1);
	loss_refuse_other(1, 1);
	loss_refuse_other(2, 1);
	for (size_t i = 0; i < 3; i++)
		assert_null(strstr(others[i].reason, "many-denials"));
	/* A minute later another one is one again. */
	for (size_t i = 0; i < 3; i++)
		others[i].loss.refused_ns = 1;
	loss_refuse_once();
	loss_answer(KMS_DENIED, "DisabledException", "It is disabled.");
	loss_expect(CLUSTER_INACCESSIBLE, "DisabledException");
}

/* The keys of three clusters are refused, each twice: they are lost. */
static void lose_others(void)
{
	const struct fault disabled = { "DisabledException", "It is disabled." };

	for (size_t i = 0; i < 3; i++) {
		loss_refuse_other(i, (int)i);
		others[i].loss.denied_ns = 1;
		key_loss_denied(&others[i], lease_now(), NULL, &disabled);
		assert_int_equal(others[i].status, CLUSTER_INACCESSIBLE);
	}
	state_flush(&agent);
}

/* One key more is refused, for the first time. */
static void refuse_a_fourth(void)
{
	cluster.status = CLUSTER_AVAILABLE;
	loss_denied(lease_now());
	state_flush(&agent);
}

static void a_first_refusal_says_when_the_second_one_counts(void **state)
{
	agent.config.recovery_window_seconds = 90;
	cluster.status = CLUSTER_AVAILABLE;
	loss_denied(lease_now());
	loss_expect(CLUSTER_RECOVERABLE,
		    "DisabledException: It is disabled. Not final yet: the KMS is asked again 90 s after "
		    "the refusal, and a second refusal is final. To save the cluster, ");
}

/* A reader in a hurry takes the first way that the message names. */
static void many_denials_say_first_how_the_data_are_kept(void **state)
{
	static const char said[] =
		"many-denials: the KMS refuses more than MaxDenials=3 keys at once (DisabledException: It is disabled.).";
	const char *kept, *lost;

	agent.config.max_denials = 3;
	lose_others();
	refuse_a_fourth();
	loss_expect(CLUSTER_RECOVERABLE, said);
	kept = strstr(cluster.reason, "correct it");
	lost = strstr(cluster.reason,
		      ": envelope cluster confirm-loss --db-cluster-identifier db1");
	if (!kept || !lost || kept > lost)
		fail_msg("seen \"%s\"", cluster.reason);
	key_loss_confirm(&cluster, NULL);
	assert_non_null(strstr(cluster.reason, said));
	if (strstr(cluster.reason, "confirm-loss") || strstr(cluster.reason, "correct it"))
		fail_msg("what is decided has advice: \"%s\"", cluster.reason);
}

static void expect_held(const struct cluster *c)
{
	if (c->status != CLUSTER_RECOVERABLE || strncmp(c->reason, "many-denials: ", 14))
		fail_msg("%s is %s (%s): it was lost before the others were counted", c->id,
			 cluster_status_name(c->status), c->reason);
}

static void the_first_losses_of_many_are_taken_back(void **state)
{
	unsigned int before;

	lose_others();
	before = jobs;
	refuse_a_fourth();
	for (size_t i = 0; i < 3; i++)
		expect_held(&others[i]);
	expect_held(&cluster);
	assert_int_equal(jobs, before + 4); /* the disks too */
	assert_non_null(strstr(others[0].reason, "(DisabledException: It is disabled.)"));
	/* The KMS is asked for them again, and may give them. */
	assert_non_null(others[0].loss.timer);
	others[0].loss.denied_ns = 1;
	key_loss_check(&others[0]);
	assert_int_equal(kms.asked, 1);
	loss_answer(KMS_OK, "", "");
	assert_int_equal(others[0].status, CLUSTER_STOPPED);
	assert_ptr_equal(strstr(others[0].reason, "given-again: "), others[0].reason);
}

static void a_loss_that_is_decided_or_long_ago_is_not_taken_back(void **state)
{
	lose_others();
	/* A person has decided one, and one was refused before all others. */
	others[0].status = CLUSTER_RECOVERABLE;
	key_loss_confirm(&others[0], NULL);
	others[1].loss.refused_ns = 1;
	agent.config.max_denials = 0;
	refuse_a_fourth();
	expect_held(&cluster);
	expect_held(&others[2]);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(others[i].status, CLUSTER_INACCESSIBLE);
}

/* The end of each operation leads to key_loss_check(): see operation_test. */
static void end_operation(struct cluster *c)
{
	c->operation = NULL;
	key_loss_check(c);
	state_flush(&agent);
}

static void a_lost_cluster_at_work_is_taken_back_at_the_end_of_its_operation(void **state)
{
	lose_others();
	for (size_t i = 0; i < 3; i++)
		others[i].operation = (struct operation *)&cluster; /* only looked for */
	/* A stop, a deletion that fails, and a start after the KMS has given the key again. */
	others[1].status = CLUSTER_DELETING;
	others[2].status = CLUSTER_STOPPED;
	refuse_a_fourth();
	expect_held(&cluster);
	assert_int_equal(others[0].status, CLUSTER_INACCESSIBLE);
	assert_int_equal(others[1].status, CLUSTER_DELETING);
	others[1].status = CLUSTER_INACCESSIBLE;
	/* However long it takes. */
	for (size_t i = 0; i < 3; i++) {
		others[i].loss.refused_ns = 1;
		end_operation(&others[i]);
	}
	expect_held(&others[0]);
	expect_held(&others[1]);
	assert_int_equal(others[2].status, CLUSTER_STOPPED);
	/* Once: a later loss is one of its own. */
	key_loss_confirm(&others[0], NULL);
	end_operation(&others[0]);
	assert_int_equal(others[0].status, CLUSTER_INACCESSIBLE);
}

/* Each key is asked for once in a round, and the slip is noticed then. */
static void refusals_of_one_round_of_renewals_count_together(void **state)
{
	agent.config.renew_seconds = 600;
	agent.config.kms_timeout_seconds = 5;
	assert_int_equal(denial_count_window(&agent.config), (660 + 1 + 10) * NS_PER_S);
	lose_others();
	for (size_t i = 0; i < 3; i++)
		others[i].loss.refused_ns -= (600 + 60 - i) * NS_PER_S;
	refuse_a_fourth();
	for (size_t i = 0; i < 3; i++)
		expect_held(&others[i]);
	expect_held(&cluster);
	/* And at least those of a minute. */
	agent.config.renew_seconds = 1;
	assert_int_equal(denial_count_window(&agent.config), 60 * NS_PER_S);
}

static void refusals_before_the_round_do_not_count(void **state)
{
	agent.config.renew_seconds = 600;
	lose_others();
	for (size_t i = 0; i < 3; i++)
		others[i].loss.refused_ns -= 661 * NS_PER_S;
	refuse_a_fourth();
	loss_expect(CLUSTER_RECOVERABLE, "DisabledException: It is disabled. Not final yet");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(others[i].status, CLUSTER_INACCESSIBLE);
}

/* The next agent has the time from the catalog. */
static void losses_of_the_agent_before_count(void **state)
{
	uint64_t then;

	agent.config.recovery_window_seconds = 0;
	lose_others();
	then = others[0].loss.refused_ns;
	for (size_t i = 0; i < 3; i++) {
		memset(&others[i].loss, 0, sizeof(others[i].loss));
		recovery_window_load(&others[i]);
	}
	assert_in_range(others[0].loss.refused_ns, then, lease_now());
	refuse_a_fourth();
	for (size_t i = 0; i < 3; i++)
		expect_held(&others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CLUSTER(many_keys_refused_at_once_are_not_lost),
		WITH_CLUSTER(a_first_refusal_says_when_the_second_one_counts),
		WITH_CLUSTER(many_denials_say_first_how_the_data_are_kept),
		WITH_CLUSTER(a_key_of_many_clusters_counts_once),
		WITH_CLUSTER(the_first_losses_of_many_are_taken_back),
		WITH_CLUSTER(a_loss_that_is_decided_or_long_ago_is_not_taken_back),
		WITH_CLUSTER(a_lost_cluster_at_work_is_taken_back_at_the_end_of_its_operation),
		WITH_CLUSTER(refusals_of_one_round_of_renewals_count_together),
		WITH_CLUSTER(refusals_before_the_round_do_not_count),
		WITH_CLUSTER(losses_of_the_agent_before_count),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
