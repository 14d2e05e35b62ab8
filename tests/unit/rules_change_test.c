// SPDX-License-Identifier: MIT
/* sources: agent/rules/rules.c agent/rules/owner_rules.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * The rules for changes of a cluster's settings, of its header and of its owner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/rules/owner_rules.h"
#include "agent/rules/rules.h"
#include "lib/header/volume_owner.h"

#define ARN "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static void a_protected_cluster_is_not_deleted(void **state)
{
	struct cluster cluster = { .id = "db1",
				   .status = CLUSTER_STOPPED,
				   .deletion_protection = true };
	struct fault f;

	assert_int_equal(rules_delete(&cluster, true, &f), -1);
	assert_string_equal(f.code, "InvalidParameterCombination");
	if (strncmp(f.message,
		    "Cannot delete protected Cluster, please disable deletion protection and try again.",
		    82))
		fail_msg("not AWS's words: %s", f.message);
	cluster.deletion_protection = false;
	assert_int_equal(rules_delete(&cluster, true, &f), 0);
}

static void key_and_volume_cannot_be_modified(void **state)
{
	static const struct {
		unsigned int what;
		const char *word;
	} rows[] = {
		{ MODIFY_KEY, "KMS key" },
		{ MODIFY_ENCRYPTION, "turned off" },
		{ MODIFY_REGION, "region" },
		{ MODIFY_DEVICE, "device" },
		{ 0, "No modifications" },
		{ MODIFY_KEY | MODIFY_DEVICE, "KMS key" },
		{ MODIFY_PROTECTION | MODIFY_REGION, "region" },
		{ MODIFY_DISCARDS | MODIFY_REGION, "region" },
	};
	struct cluster cluster = { .id = "db1", .key_arn = ARN, .status = CLUSTER_STOPPED };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fault f;

		assert_int_equal(rules_modify(&cluster, rows[i].what, &f), -1);
		assert_string_equal(f.code, "InvalidParameterCombination");
		if (!strstr(f.message, rows[i].word))
			fail_msg("no '%s' in: %s", rows[i].word, f.message);
	}
	assert_int_equal(rules_modify(&cluster, MODIFY_PROTECTION, NULL), 0);
}

static void settings_can_be_modified_between_operations(void **state)
{
	struct cluster cluster = { .id = "db1", .key_arn = ARN, .status = CLUSTER_STOPPED };
	struct fault f;

	assert_int_equal(rules_modify(&cluster, MODIFY_DISCARDS, &f), 0);
	assert_int_equal(rules_modify(&cluster, MODIFY_GROW, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	cluster.status = CLUSTER_AVAILABLE;
	assert_int_equal(rules_modify(&cluster, MODIFY_DISCARDS, &f), 0);
	assert_int_equal(rules_modify(&cluster, MODIFY_GROW, &f), -1);
	cluster.mapping.live = true;
	assert_int_equal(rules_modify(&cluster, MODIFY_GROW, &f), 0);
	cluster.operation = (void *)&cluster;
	assert_int_equal(rules_modify(&cluster, MODIFY_DISCARDS, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	cluster.operation = NULL;
	cluster.status = CLUSTER_CREATING;
	assert_int_equal(rules_modify(&cluster, MODIFY_DISCARDS, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
}

static void a_backup_is_the_catalogs_header(void **state)
{
	struct cluster c = { .id = "db1",
			     .volume_id = "vol-0123456789abcdef0",
			     .status = CLUSTER_STOPPED,
			     .header_sha256 = "aa",
			     .wrapped_key = "key",
			     .wrapped_key_size = 3 };
	struct volume_header same = { .volume_id = "vol-0123456789abcdef0",
				      .header_sha256 = "aa",
				      .wrapped_key = "key",
				      .wrapped_key_size = 3 };
	struct volume_header other = same;
	struct fault f;

	assert_int_equal(rules_backup_matches(&c, &same, &f), 0);
	strcpy(other.header_sha256, "ab");
	assert_int_equal(rules_backup_matches(&c, &other, &f), -1);
	other = same;
	other.wrapped_key[0] = 'x';
	assert_int_equal(rules_backup_matches(&c, &other, &f), -1);
	other = same;
	other.volume_id[5] = 'f';
	assert_int_equal(rules_backup_matches(&c, &other, &f), -1);
	/* A loss that may end is recorded again after the restore. */
	c.status = CLUSTER_RECOVERABLE;
	assert_int_equal(rules_backup_matches(&c, &same, &f), 0);
	c.status = CLUSTER_INACCESSIBLE;
	assert_int_equal(rules_backup_matches(&c, &same, &f), -1);
	assert_string_equal(f.code, "InvalidParameterValue");
	strcpy(same.state, "inaccessible-encryption-credentials");
	assert_int_equal(rules_backup_matches(&c, &same, &f), 0);
	c.header_sha256[0] = 0;
	assert_int_equal(rules_backup_matches(&c, &same, &f), -1);
	assert_int_equal(rules_backup_header(&c, &f), 0);
	assert_int_equal(rules_restore_header(&c, &f), 0);
	c.status = CLUSTER_AVAILABLE;
	assert_int_equal(rules_backup_header(&c, &f), 0);
	assert_int_equal(rules_restore_header(&c, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
}

static void another_hosts_volume_is_taken_over_after_its_claim(void **state)
{
	const struct volume_owner none = { 0 }, other = { .host = "there", .claim = 120 };
	const struct volume_owner released = { .host = "there" };
	struct fault f;

	assert_int_equal(rules_owner("db1", &none, "here", 0, false, &f), 0);
	assert_int_equal(rules_owner("db1", &other, "there", 0, false, &f), 0);
	assert_int_equal(rules_owner("db1", &released, "here", 999, false, &f), -1);
	assert_string_equal(f.code, "VolumeInUse");
	assert_non_null(strstr(f.message, "--take-over"));
	assert_int_equal(rules_owner("db1", &released, "here", 0, true, &f), 0);
	assert_int_equal(rules_owner("db1", &other, "here", 999, false, &f), -1);
	assert_int_equal(rules_owner("db1", &other, "here", 119, true, &f), -1);
	assert_non_null(strstr(f.message, "in 1 seconds"));
	assert_int_equal(rules_owner("db1", &other, "here", 120, true, &f), 0);
	/* A host without an id owns nothing. */
	assert_int_equal(rules_owner("db1", &other, "", 0, false, &f), -1);
}

/* A message about "another host (0000...)" would have the user look for a host that is not there. */
static void an_unknown_owner_is_no_host(void **state)
{
	const struct volume_owner unknown = { .host = VOLUME_OWNER_UNKNOWN,
					      .boot = VOLUME_OWNER_UNKNOWN,
					      .time = "2026-11-30T08:00:00Z",
					      .claim = 120 };
	const struct volume_owner other = { .host = "there", .claim = 120 };
	char text[VOLUME_OWNER_TEXT_MAX];
	struct fault f;

	for (int take_over = 0; take_over < 2; take_over++) {
		assert_int_equal(rules_owner("db1", &unknown, "here", 119, take_over, &f), -1);
		assert_string_equal(f.code, "VolumeInUse");
		assert_non_null(strstr(f.message, "names no owner"));
		assert_non_null(strstr(f.message, "restored at 2026-11-30T08:00:00Z"));
		assert_non_null(strstr(f.message, "Stop the cluster on each of these hosts"));
		assert_non_null(strstr(f.message, "--take-over"));
		assert_null(strstr(f.message, "0000"));
	}
	assert_non_null(strstr(f.message, "possible in 1 seconds"));
	assert_int_equal(rules_owner("db1", &unknown, "here", 120, true, &f), 0);
	assert_null(strstr(volume_owner_text(&unknown, text), "0000"));
	assert_string_equal(volume_owner_text(&other, text), "belongs to another host (there)");
	/* No registration is that of an unknown host. */
	assert_false(rules_may_fence(&unknown, true, true));
	assert_true(rules_may_fence(&other, true, true));
	assert_false(rules_may_fence(&other, false, true));
	assert_false(rules_may_fence(&other, true, false));
}

static void an_older_copy_of_a_key_store_has_a_lower_change(void **state)
{
	static const struct {
		int64_t newest, now;
		int result;
	} rows[] = {
		{ 0, 0, 0 }, { 0, 5, 0 }, { 5, 5, 0 }, { 5, 6, 0 }, { 5, 4, -1 }, { 5, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fault f = { 0 };

		assert_int_equal(rules_change("kms A", rows[i].newest, rows[i].now, &f),
				 rows[i].result);
		assert_string_equal(f.code, rows[i].result ? "older-kms" : "");
		if (rows[i].result)
			assert_non_null(
				strstr(f.message,
				       "kms A answered: it is at change 4, and this host has seen change 5"));
	}
}

/* A hanging disk below a backup must not keep a device from its end. */
static void an_operation_gives_way_to_a_stop_and_a_deletion(void **state)
{
	struct cluster cluster = { .id = "db1",
				   .status = CLUSTER_AVAILABLE,
				   .gives_way = true,
				   .operation = (struct operation *)&cluster };
	struct fault f;

	assert_int_equal(rules_stop(&cluster, &f), 0);
	assert_int_equal(rules_delete(&cluster, true, &f), 0);
	assert_int_equal(rules_backup_header(&cluster, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	cluster.status = CLUSTER_STOPPED;
	assert_int_equal(rules_start(&cluster, false, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
	assert_int_equal(rules_restore_header(&cluster, &f), -1);
	assert_string_equal(f.code, "InvalidDBClusterStateFault");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_gives_way_to_a_stop_and_a_deletion),
		cmocka_unit_test(a_protected_cluster_is_not_deleted),
		cmocka_unit_test(key_and_volume_cannot_be_modified),
		cmocka_unit_test(settings_can_be_modified_between_operations),
		cmocka_unit_test(a_backup_is_the_catalogs_header),
		cmocka_unit_test(another_hosts_volume_is_taken_over_after_its_claim),
		cmocka_unit_test(an_unknown_owner_is_no_host),
		cmocka_unit_test(an_older_copy_of_a_key_store_has_a_lower_change),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
