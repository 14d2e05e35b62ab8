// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/catalog_fixture.c agent/lease/grant.c agent/lease/newest_change.c agent/catalog/kms_changes.c agent/catalog/grants.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/cluster.c agent/lease/lease.c agent/rules/rules.c */
/*
 * Which KMS counts as the one that gave a key last: the one that gave it, not one that says it would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "catalog_fixture.h"
#include "agent/lease/grant.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/newest_change.h"

#define HASH "0123456789abcdef0123456789abcdef"

static struct {
	const char *id, *principal, *endpoint;
	int64_t change, newest; /* the newest that was known before the question */
} kms;				/* that answers */

static struct agent agent;
static struct cluster cluster;

const char *kms_worker_kms_id(const struct kms_worker *worker)
{
	return kms.id;
}

int64_t kms_worker_change(const struct kms_worker *worker, int64_t *newest)
{
	*newest = kms.newest;
	return kms.change;
}

const char *kms_worker_endpoint(const struct kms_worker *worker)
{
	return kms.endpoint;
}

const char *kms_worker_principal(const struct kms_worker *worker)
{
	return kms.principal;
}

static unsigned int first_again;

void kms_call_from_first(const struct cluster *asking)
{
	assert_ptr_equal(asking, &cluster);
	first_again++;
}

static int set_up(void **state)
{
	static const struct cluster made = {
		.agent = &agent,
		.id = "db1",
		.device = (char *)"/dev/vdb",
		.volume_id = "vol-0123456789abcdef0",
		.key_arn =
			"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		.grant = { "envelope-kms own", "AKIAOLD" },
	};
	struct catalog_fixture *x;

	if (catalog_set_up(state))
		return -1;
	x = *state;
	agent = (struct agent){ .catalog = x->catalog };
	cluster = made;
	kms.id = "own";
	kms.principal = "AKIAOLD";
	kms.endpoint = "https://unused";
	kms.change = kms.newest = 0;
	return 0;
}

/* The KMS has given the key. */
static void given(void)
{
	struct grant grant = grant_answer(&cluster, NULL);

	grant_record(&cluster, &grant);
}

static void expect_verdict(const char *code)
{
	static const struct fault denial = { "DisabledException", "It is disabled." };
	struct fault why = { 0 };

	assert_int_equal(grant_judge(&cluster, NULL, &denial, &why), !code[0]);
	assert_string_equal(why.code, code);
}

/* The KMS says yes to a dry run. @code: why that does not count */
static void expect_yes(const char *code)
{
	struct fault why = { 0 };

	first_again = 0;
	assert_int_equal(grant_note(&cluster, NULL, &why), !code[0]);
	assert_string_equal(why.code, code);
	assert_int_equal(first_again, code[0] != 0);
}

static void the_host_of_an_address_is_read_by_its_one_judge(void **state)
{
	static const struct {
		const char *endpoint, *host;
	} rows[] = {
		{ "https://[::1]:8443", "[::1]" },
		{ "https://[fd00:ec2::1]", "[fd00:ec2::1]" },
		{ "https://KMS.eu-west-1.amazonaws.com/", "kms.eu-west-1.amazonaws.com" },
		{ "https://localhost:8443/", "localhost" },
	};

	kms.id = "";
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char expected[256];

		kms.endpoint = rows[i].endpoint;
		snprintf(expected, sizeof(expected), "%s account 123456789012", rows[i].host);
		given();
		assert_string_equal(cluster.grant.kms, expected);
	}
	/* Two of them are two. */
	kms.endpoint = "https://[::1]";
	given();
	kms.endpoint = "https://[::2]";
	expect_verdict("other-kms");
}

/* A reload, or a change of the cluster's endpoint, while the call was under way. */
static void the_server_that_was_asked_counts_and_not_the_configured_one(void **state)
{
	kms.id = "";
	kms.endpoint = "https://kms.us-east-1.amazonaws.com";
	given();
	agent.config.kms_endpoint = (char *)"https://other.example.com";
	strcpy(cluster.reach.endpoint, "https://third.example.com");
	expect_verdict("");
	kms.endpoint = cluster.reach.endpoint;
	expect_verdict("other-kms");
}

static void aws_is_known_by_its_host_and_the_keys_account(void **state)
{
	kms.id = "";
	kms.endpoint = "https://kms.us-east-1.amazonaws.com:443/";
	given();
	assert_string_equal(cluster.grant.kms, "kms.us-east-1.amazonaws.com account 123456789012");
	expect_verdict("");
	kms.endpoint = "https://kms.eu-west-1.amazonaws.com";
	expect_verdict("other-kms");
	kms.endpoint = "unix:/run/envelope-kms/kms.sock";
	given();
	assert_string_equal(cluster.grant.kms,
			    "unix:/run/envelope-kms/kms.sock account 123456789012");
	/* Once it has an id, that counts. */
	kms.id = "own";
	given();
	assert_string_equal(cluster.grant.kms, "envelope-kms own");
}

static void the_last_grant_outlives_the_agent(void **state)
{
	struct cluster again = { .agent = &agent };

	strcpy(again.volume_id, cluster.volume_id);
	kms.principal = "AKIANEW";
	given();
	grant_load(&again);
	assert_string_equal(again.grant.kms, "envelope-kms own");
	assert_string_equal(again.grant.principal, "AKIANEW");
}

static void a_kms_must_give_the_key_before_it_counts(void **state)
{
	/* A dry run of the known KMS brings the principal; that of another one brings nothing. */
	kms.principal = "AKIANEW";
	expect_yes("");
	assert_string_equal(cluster.grant.principal, "AKIANEW");
	kms.id = "other";
	kms.principal = "AKIAOTHER";
	expect_yes("other-kms");
	assert_string_equal(cluster.grant.kms, "envelope-kms own");
	assert_string_equal(cluster.grant.principal, "AKIANEW");
	expect_verdict("other-kms");
	given();
	assert_string_equal(cluster.grant.kms, "envelope-kms other");
	expect_verdict("");
}

static void a_known_proof_is_not_forgotten(void **state)
{
	kms.id = "own " HASH;
	expect_verdict("");
	expect_yes("");
	assert_string_equal(cluster.grant.kms, "envelope-kms own " HASH);
	kms.id = "own";
	expect_yes("other-kms");
	assert_string_equal(cluster.grant.kms, "envelope-kms own " HASH);
	expect_verdict("other-kms");
}

static void the_first_kms_of_a_cluster_needs_no_other(void **state)
{
	cluster.grant = (struct grant){ 0 };
	expect_verdict("other-kms");
	expect_yes("");
	assert_string_equal(cluster.grant.kms, "envelope-kms own");
}

/* The hosts of AWS's KMS are several, and each may say yes. */
static void a_kms_without_a_proof_may_be_at_several_hosts(void **state)
{
	kms.id = "";
	kms.endpoint = "https://kms.us-east-1.amazonaws.com";
	given();
	kms.endpoint = "https://vpce.example.com";
	expect_yes("");
	assert_string_equal(cluster.grant.kms, "kms.us-east-1.amazonaws.com account 123456789012");
	expect_verdict("other-kms");
}

/* A question begins now, and @change is the number of the answer. */
static void asked(int64_t change)
{
	kms.newest = newest_change(&agent, cluster.grant.kms);
	kms.change = change;
}

static void expect_gift(const char *code)
{
	struct fault why = { 0 };
	struct grant grant;

	first_again = 0;
	assert_int_equal(grant_given(&cluster, NULL, &grant, &why), code[0] ? -1 : 0);
	assert_string_equal(why.code, code);
	assert_int_equal(first_again, code[0] != 0);
}

static void an_older_copy_of_the_key_store_answers_nothing(void **state)
{
	asked(7);
	expect_yes("");
	asked(6);
	expect_yes("older-kms");
	expect_verdict("older-kms");
	expect_gift("KMSUnreachable");
	asked(7);
	expect_yes("");
	expect_verdict("");
	expect_gift("");
	/* A refusal of the present store may be the first that names its change. */
	asked(8);
	expect_verdict("");
	asked(7);
	expect_yes("older-kms");
	/* A KMS of an older version has no number. */
	asked(0);
	expect_yes("");
	expect_verdict("");
}

/* The answers of two questions may come in another order than the KMS gave them. */
static void an_answer_to_an_earlier_question_is_not_that_of_an_older_copy(void **state)
{
	asked(7);
	expect_yes("");
	asked(8);
	expect_verdict("");
	kms.newest = 7;
	kms.change = 7;
	expect_verdict("");
	assert_int_equal(newest_change(&agent, cluster.grant.kms), 8);
}

static void the_newest_change_outlives_the_agent(void **state)
{
	asked(7);
	expect_yes("");
	newest_change_forget(&agent);
	asked(6);
	assert_int_equal(kms.newest, 7);
	expect_verdict("older-kms");
	/* That of another KMS is not kept, until it gives something. */
	kms.id = "other";
	asked(9);
	expect_yes("other-kms");
	assert_int_equal(newest_change(&agent, "envelope-kms other"), 0);
	expect_gift("");
	assert_int_equal(newest_change(&agent, "envelope-kms other"), 9);
}

/* A cluster that is being made has no grant: any KMS that has given this host a key is known. */
static void a_new_cluster_knows_each_kms_of_the_host(void **state)
{
	struct kms_change *seen;

	asked(7);
	expect_gift("");
	newest_change_forget(&agent);
	cluster.grant = (struct grant){ 0 };
	assert_int_equal(newest_change_copy(&agent, &seen), 0);
	kms.newest = newest_change_in(seen, "envelope-kms own");
	assert_int_equal(kms.newest, 7);
	assert_int_equal(newest_change_in(seen, "envelope-kms other"), 0);
	newest_change_free(seen);
	kms.change = 6;
	expect_gift("KMSUnreachable");
	kms.change = 7;
	expect_gift("");
}

static int tear_down(void **state)
{
	newest_change_forget(&agent);
	return catalog_tear_down(state);
}

int main(void)
{
#define with_grant(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		with_grant(the_host_of_an_address_is_read_by_its_one_judge),
		with_grant(the_server_that_was_asked_counts_and_not_the_configured_one),
		with_grant(aws_is_known_by_its_host_and_the_keys_account),
		with_grant(the_last_grant_outlives_the_agent),
		with_grant(a_kms_must_give_the_key_before_it_counts),
		with_grant(a_known_proof_is_not_forgotten),
		with_grant(the_first_kms_of_a_cluster_needs_no_other),
		with_grant(a_kms_without_a_proof_may_be_at_several_hosts),
		with_grant(an_older_copy_of_the_key_store_answers_nothing),
		with_grant(an_answer_to_an_earlier_question_is_not_that_of_an_older_copy),
		with_grant(the_newest_change_outlives_the_agent),
		with_grant(a_new_cluster_knows_each_kms_of_the_host),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
