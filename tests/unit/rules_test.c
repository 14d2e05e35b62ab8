// SPDX-License-Identifier: MIT
/* sources: agent/rules/rules.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * Every rule, with a request that the rule refuses and a similar request that it allows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/rules/rules.h"

#define KEY_ID	  "1234abcd-12ab-34cd-56ef-1234567890ab"
#define ARN	  "arn:aws:kms:us-east-1:123456789012:key/" KEY_ID
#define ALIAS_ARN "arn:aws:kms:us-east-1:123456789012:alias/databases"
#define OTHER_ARN "arn:aws:kms:eu-west-1:123456789012:key/" KEY_ID

static struct create_request good(void)
{
	return (struct create_request){
		.identifier = "db1",
		.device = "/dev/vdb",
		.storage_encrypted = true,
		.host_region = "us-east-1",
		.host_account = "123456789012",
	};
}

static void expect_refused(const struct create_request *request, const char *code, const char *word)
{
	const char *key = NULL;
	struct fault f = { 0 };

	assert_int_equal(rules_create(request, &key, &f), -1);
	assert_string_equal(f.code, code);
	if (!strstr(f.message, word))
		fail_msg("no '%s' in: %s", word, f.message);
}

static void expect_key(const struct create_request *request, const char *expected)
{
	const char *key = NULL;
	struct fault f = { 0 };

	if (rules_create(request, &key, &f) < 0)
		fail_msg("refused: %s: %s", f.code, f.message);
	assert_string_equal(key, expected);
}

static void identifiers(void **state)
{
	static const char *const ok[] = {
		"a", "db1", "My-Cluster-2",
		"a23456789012345678901234567890123456789012345678901234567890123"
	};
	static const char *const bad[] = {
		"",
		"1db",
		"-db",
		"db-",
		"d--b",
		"d_b",
		"d b",
		"d.b",
		"d/b",
		"../x",
		"d\xc3\xa4",
		"db\n",
		"a234567890123456789012345678901234567890123456789012345678901234"
	};
	struct fault f;

	for (size_t i = 0; i < sizeof(ok) / sizeof(*ok); i++)
		if (rules_identifier(ok[i], &f) < 0)
			fail_msg("refused: '%s'", ok[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (rules_identifier(bad[i], &f) == 0)
			fail_msg("passed: '%s'", bad[i]);
		assert_string_equal(f.code, "InvalidParameterValue");
	}
}

static void create_takes_the_default_key(void **state)
{
	struct create_request request = good();

	expect_key(&request, "alias/aws/rds");
}

static void create_takes_every_form_of_key(void **state)
{
	static const char *const keys[] = { KEY_ID, ARN, "alias/databases", "alias/aws/rds",
					    "arn:aws:kms:us-east-1:123456789012:alias/databases",
					    /* another account, by its ARN */
					    "arn:aws:kms:us-east-1:210987654321:key/" KEY_ID };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct create_request request = good();

		request.key = keys[i];
		expect_key(&request, keys[i]);
	}
}

static void create_needs_a_word_about_encryption(void **state)
{
	struct create_request request = good();

	request.storage_encrypted = false;
	expect_refused(&request, "InvalidParameterCombination", "--no-storage-encrypted");
	request.key = ARN;
	expect_refused(&request, "InvalidParameterCombination", "KmsKeyId");
	request.storage_plain = true;
	expect_refused(&request, "InvalidParameterCombination", "KmsKeyId");
}

static void a_plain_cluster_has_no_key_and_asks_no_kms(void **state)
{
	struct create_request request = good();
	const char *key = "left";
	struct fault f = { 0 };

	request.storage_encrypted = false;
	request.storage_plain = true;
	assert_int_equal(rules_create(&request, &key, &f), 0);
	assert_null(key);
	request.reach = true;
	expect_refused(&request, "InvalidParameterCombination", "no KMS is asked");
}

static void create_needs_one_region(void **state)
{
	struct create_request request = good();

	request.key = OTHER_ARN;
	expect_refused(&request, "InvalidParameterValue", "eu-west-1");
	request = good();
	request.region = "eu-west-1";
	expect_refused(&request, "InvalidParameterValue", "KmsEndpoint");
	request.region = "nowhere!";
	expect_refused(&request, "InvalidParameterValue", "region");
	request.region = "us-east-1";
	expect_key(&request, "alias/aws/rds");
}

static void create_needs_a_device_path(void **state)
{
	struct create_request request = good();

	request.device = "vdb";
	expect_refused(&request, "InvalidParameterValue", "/dev/vdb");
	request.device = "";
	expect_refused(&request, "InvalidParameterValue", "/dev/vdb");
}

static void create_refuses_other_services_keys(void **state)
{
	struct create_request request = good();

	request.key = "alias/aws/dms";
	expect_refused(&request, "InvalidParameterValue", "another service");
}

static void keys_must_be_enabled_and_near(void **state)
{
	static const char *const states[] = { "Disabled", "PendingDeletion", "PendingImport",
					      "Unavailable" };
	struct fault f;

	assert_int_equal(rules_key_metadata(ARN, "Enabled", "us-east-1", &f), 0);
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		assert_int_equal(rules_key_metadata(ARN, states[i], "us-east-1", &f), -1);
		assert_string_equal(f.code, "KMSKeyNotAccessibleFault");
		assert_non_null(strstr(f.message, ARN));
		assert_non_null(strstr(f.message, states[i]));
	}
	assert_int_equal(rules_key_metadata(OTHER_ARN, "Enabled", "us-east-1", &f), -1);
	assert_string_equal(f.code, "InvalidParameterValue");
	/* An alias must never be stored. */
	assert_int_equal(rules_key_metadata("alias/x", "Enabled", "us-east-1", &f), -1);
	assert_int_equal(rules_key_metadata(ALIAS_ARN, "Enabled", "us-east-1", &f), -1);
	assert_int_equal(rules_key_metadata(NULL, "Enabled", "us-east-1", &f), -1);
	assert_int_equal(rules_key_metadata(ARN, NULL, "us-east-1", &f), -1);
}

static void only_the_volumes_region_is_asked(void **state)
{
	struct fault f;

	assert_int_equal(rules_region("us-east-1", "us-east-1", &f), 0);
	assert_int_equal(rules_region("us-east-1", "eu-west-1", &f), -1);
	assert_string_equal(f.code, "InvalidParameterValue");
	assert_non_null(strstr(f.message, "Region=us-east-1"));
}

static void starts_by_state(void **state)
{
	static const struct {
		enum cluster_status status;
		const char *start, *for_key;
	} rows[] = {
		{ CLUSTER_CREATING, "InvalidDBClusterStateFault", "InvalidDBClusterStateFault" },
		{ CLUSTER_AVAILABLE, "InvalidDBClusterStateFault", NULL },
		{ CLUSTER_STOPPED, NULL, NULL },
		{ CLUSTER_RECOVERABLE, NULL, NULL },
		{ CLUSTER_INACCESSIBLE, "KMSKeyNotAccessibleFault", "KMSKeyNotAccessibleFault" },
		{ CLUSTER_DELETING, "InvalidDBClusterStateFault", "InvalidDBClusterStateFault" },
	};
	struct cluster cluster = { .id = "db1", .key_arn = ARN };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fault f = { 0 };

		cluster.status = rows[i].status;
		assert_int_equal(rules_start(&cluster, false, &f), rows[i].start ? -1 : 0);
		assert_string_equal(f.code, rows[i].start ? rows[i].start : "");
		f.code[0] = 0;
		assert_int_equal(rules_start(&cluster, true, &f), rows[i].for_key ? -1 : 0);
		assert_string_equal(f.code, rows[i].for_key ? rows[i].for_key : "");
	}
}

static void one_operation_at_a_time(void **state)
{
	struct cluster cluster = { .id = "db1",
				   .status = CLUSTER_STOPPED,
				   .operation = (struct operation *)&cluster };
	struct fault f;

	assert_int_equal(rules_start(&cluster, false, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	assert_int_equal(rules_stop(&cluster, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	assert_int_equal(rules_delete(&cluster, true, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	/* The loss of the key is the first fault: to wait for the operation would not help. */
	cluster.status = CLUSTER_INACCESSIBLE;
	assert_int_equal(rules_start(&cluster, false, &f), -1);
	assert_string_equal(f.code, "KMSKeyNotAccessibleFault");
}

static void stops_what_runs_or_is_left_over(void **state)
{
	struct cluster cluster = { .id = "db1", .status = CLUSTER_AVAILABLE };
	struct fault f;

	assert_int_equal(rules_stop(&cluster, &f), 0);
	cluster.status = CLUSTER_STOPPED;
	assert_int_equal(rules_stop(&cluster, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	/* A failed device may be cleared away. */
	cluster.status = CLUSTER_INACCESSIBLE;
	strcpy(cluster.mapping.name, "envelope-db1");
	assert_int_equal(rules_stop(&cluster, &f), 0);
}

/* Only silence, and only as the configuration says. */
static void restarts_after_silence_alone(void **state)
{
	static const struct {
		enum cluster_status status;
		const char *reason;
		bool at_boot;
		const char *policy;
		bool restarted;
	} rows[] = {
		{ CLUSTER_STOPPED, "lease-expired: the KMS could not be reached", true, "boot",
		  true },
		{ CLUSTER_STOPPED, "lease-expired: enveloped was not there", true, "boot", true },
		{ CLUSTER_STOPPED, "lease-expired: x", true, "yes", true },
		{ CLUSTER_STOPPED, "lease-expired: x", true, "no", false },
		{ CLUSTER_STOPPED, "lease-expired: x", false, "boot", false },
		{ CLUSTER_STOPPED, "lease-expired: x", false, "yes", true },
		{ CLUSTER_STOPPED, "disk-missing: x", true, "no", true },
		{ CLUSTER_STOPPED, "disk-missing: x", false, "yes", false },
		{ CLUSTER_RECOVERABLE, "disk-missing: x", true, "yes", false },
		{ CLUSTER_STOPPED, "", true, "yes", false },
		{ CLUSTER_STOPPED, "message: the device was failed", true, "yes", false },
		{ CLUSTER_STOPPED, "other-kms: x", true, "yes", false },
		{ CLUSTER_RECOVERABLE, "lease-expired: x", true, "yes", false },
		{ CLUSTER_INACCESSIBLE, "lease-expired: x", true, "yes", false },
		{ CLUSTER_AVAILABLE, "", true, "yes", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cluster cluster = { .id = "db1",
					   .status = rows[i].status,
					   .restart.at_boot = rows[i].at_boot };

		strcpy(cluster.reason, rows[i].reason);
		if (rules_restart(&cluster, rows[i].policy) != rows[i].restarted)
			fail_msg("row %zu: '%s' is not expected", i, rows[i].reason);
	}
}

static void delete_needs_a_word_about_the_snapshot(void **state)
{
	struct cluster cluster = { .id = "db1", .status = CLUSTER_INACCESSIBLE };
	struct fault f;

	assert_int_equal(rules_delete(&cluster, false, &f), -1);
	assert_string_equal(f.code, "InvalidParameterCombination");
	assert_non_null(strstr(f.message, "--skip-final-snapshot"));
	assert_int_equal(rules_delete(&cluster, true, &f), 0);
}

static void only_a_refused_key_is_confirmed_as_lost(void **state)
{
	struct fault f;

	for (enum cluster_status s = CLUSTER_CREATING; s <= CLUSTER_DELETING; s++) {
		struct cluster cluster = { .id = "db1", .status = s };
		bool right = s == CLUSTER_RECOVERABLE;

		assert_int_equal(rules_confirm_loss(&cluster, &f), right ? 0 : -1);
		cluster.operation = (struct operation *)&cluster;
		assert_int_equal(rules_confirm_loss(&cluster, &f), -1);
	}
}

static void recovery_window(void **state)
{
	/* With the default window of 0 a loss is permanent at once. */
	assert_false(rules_window_open(0, 0));
	assert_true(rules_window_open(0, 60));
	assert_true(rules_window_open(59, 60));
	assert_false(rules_window_open(60, 60));
}

static void a_refusal_is_a_verdict_beside_the_last_grant(void **state)
{
	static const struct {
		struct grant last, now;
		const char *denial, *code, *word; /* "" for a verdict */
	} rows[] = {
		{ { "kms A", "AKIA1" }, { "kms A", "AKIA1" }, "AccessDeniedException", "", "" },
		{ { "kms A", "AKIA1" }, { "kms A", "AKIA1" }, "NotFoundException", "", "" },
		/* Rotated credentials: only the right of the principal is in question. */
		{ { "kms A", "AKIA1" }, { "kms A", "AKIA2" }, "DisabledException", "", "" },
		{ { "kms A", "AKIA1" },
		  { "kms A", "AKIA2" },
		  "AccessDeniedException",
		  "other-principal",
		  "gave the key last to AKIA1, and denies it to AKIA2" },
		/* The known key store proves its id now; it proved it, and does not now; another key. */
		{ { "kms A", "AKIA1" }, { "kms A 12", "AKIA1" }, "NotFoundException", "", "" },
		{ { "kms A 12", "AKIA1" },
		  { "kms A", "AKIA1" },
		  "NotFoundException",
		  "other-kms",
		  "kms A refused the key (NotFoundException), but kms A 12 gave it last" },
		{ { "kms A 12", "AKIA1" },
		  { "kms A 34", "AKIA1" },
		  "NotFoundException",
		  "other-kms",
		  "kms A 34 refused" },
		{ { "kms A", "AKIA1" },
		  { "kms AB", "AKIA1" },
		  "NotFoundException",
		  "other-kms",
		  "kms AB refused" },
		/* Known by the header alone. */
		{ { "kms A", "" }, { "kms A", "AKIA2" }, "DisabledException", "", "" },
		{ { "kms A", "" },
		  { "kms A", "AKIA2" },
		  "AccessDeniedException",
		  "other-principal",
		  "denies the key to AKIA2, and no grant" },
		{ { "kms A", "AKIA1" },
		  { "kms B", "AKIA1" },
		  "NotFoundException",
		  "other-kms",
		  "kms B refused the key (NotFoundException), but kms A gave it last" },
		{ { "kms A", "AKIA1" },
		  { "kms B", "AKIA1" },
		  "DisabledException",
		  "other-kms",
		  "kms A" },
		{ { "", "" }, { "kms A", "AKIA1" }, "NotFoundException", "other-kms", "no known" },
		{ { "kms A", "AKIA1" },
		  { "kms A", "AKIA1" },
		  "InvalidCiphertextException",
		  "damaged-wrapped-key",
		  "catalog is damaged, or the KMS's key store is older than the key's rotation" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fault denial = { 0 }, f = { 0 };

		fault_set(&denial, rows[i].denial, "no");
		assert_int_equal(rules_denial(&rows[i].last, &rows[i].now, &denial, &f),
				 rows[i].code[0] ? -1 : 0);
		assert_string_equal(f.code, rows[i].code);
		if (!strstr(f.message, rows[i].word))
			fail_msg("no '%s' in: %s", rows[i].word, f.message);
	}
}

static void the_kms_of_the_last_grant_is_that_of_the_header_or_the_catalog(void **state)
{
	static const char here[] = "00000000000000000000000000000001";
	static const struct {
		const char *catalog, *header, *owner;
		bool newer;
	} rows[] = {
		{ "", "kms A", "", true },
		{ "", "kms A", "00000000000000000000000000000001", true },
		{ "", "", "", false },
		{ "kms A", "", "00000000000000000000000000000002", false },
		{ "kms A", "kms A", "00000000000000000000000000000002", false },
		/* This host writes its catalog first. */
		{ "kms A", "kms B", "", false },
		{ "kms A", "kms B", "00000000000000000000000000000001", false },
		/* Another host has had the volume since. */
		{ "kms A", "kms B", "00000000000000000000000000000002", true },
		/* A header that was restored from a backup may be old. */
		{ "kms A", "kms B", "00000000000000000000000000000000", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct volume_header header = { 0 };
		struct grant last = { 0 };

		strcpy(last.kms, rows[i].catalog);
		strcpy(header.kms, rows[i].header);
		strcpy(header.owner.host, rows[i].owner);
		if (rules_header_kms(&last, &header, here) != rows[i].newer)
			fail_msg("row %zu: expected %d", i, rows[i].newer);
	}
}

static void status_words_are_awss(void **state)
{
	static const char *const words[] = { "creating",
					     "available",
					     "stopped",
					     "inaccessible-encryption-credentials-recoverable",
					     "inaccessible-encryption-credentials",
					     "deleting" };
	enum cluster_status status;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		assert_true(cluster_status_parse(words[i], &status));
		assert_int_equal(status, i);
		assert_string_equal(cluster_status_name(status), words[i]);
	}
	assert_false(cluster_status_parse("running", &status));
	assert_false(cluster_status_parse("", &status));
}

static void ids_have_their_form(void **state)
{
	struct cluster a = { 0 }, b = { 0 };

	assert_int_equal(cluster_make_ids(&a), 0);
	assert_int_equal(cluster_make_ids(&b), 0);
	assert_int_equal(strlen(a.volume_id), 21);
	assert_int_equal(strspn(a.volume_id + 4, "0123456789abcdef"), 17);
	assert_memory_equal(a.volume_id, "vol-", 4);
	assert_int_equal(strlen(a.resource_id), 34);
	assert_int_equal(strspn(a.resource_id + 8, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 26);
	assert_memory_equal(a.resource_id, "cluster-", 8);
	assert_string_not_equal(a.volume_id, b.volume_id);
	assert_string_not_equal(a.resource_id, b.resource_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identifiers),
		cmocka_unit_test(create_takes_the_default_key),
		cmocka_unit_test(create_takes_every_form_of_key),
		cmocka_unit_test(create_needs_a_word_about_encryption),
		cmocka_unit_test(a_plain_cluster_has_no_key_and_asks_no_kms),
		cmocka_unit_test(create_needs_one_region),
		cmocka_unit_test(create_needs_a_device_path),
		cmocka_unit_test(create_refuses_other_services_keys),
		cmocka_unit_test(keys_must_be_enabled_and_near),
		cmocka_unit_test(only_the_volumes_region_is_asked),
		cmocka_unit_test(starts_by_state),
		cmocka_unit_test(one_operation_at_a_time),
		cmocka_unit_test(stops_what_runs_or_is_left_over),
		cmocka_unit_test(restarts_after_silence_alone),
		cmocka_unit_test(delete_needs_a_word_about_the_snapshot),
		cmocka_unit_test(only_a_refused_key_is_confirmed_as_lost),
		cmocka_unit_test(recovery_window),
		cmocka_unit_test(a_refusal_is_a_verdict_beside_the_last_grant),
		cmocka_unit_test(the_kms_of_the_last_grant_is_that_of_the_header_or_the_catalog),
		cmocka_unit_test(status_words_are_awss),
		cmocka_unit_test(ids_have_their_form),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
