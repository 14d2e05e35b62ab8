// SPDX-License-Identifier: MIT
/* sources: agent/rules/snapshot_rules.c agent/catalog/cluster.c agent/volume/thin_name.c */
/*
 * What may be done with snapshots, and which logical volumes are not that of a cluster.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/rules/snapshot_rules.h"
#include "agent/volume/thin_name.h"

#define KEY   "arn:aws:kms:us-east-1:123456789012:key/1"
#define OTHER "arn:aws:kms:us-east-1:123456789012:key/2"

static struct fault f;

static const char *said(int r)
{
	return r < 0 ? f.code : "";
}

static void a_cluster_in_a_pool_gives_a_snapshot_while_it_has_its_key(void **state)
{
	static const struct {
		enum cluster_status status;
		const char *fault;
	} table[] = {
		{ CLUSTER_AVAILABLE, "" },
		{ CLUSTER_STOPPED, "" },
		{ CLUSTER_CREATING, "InvalidDBClusterStateFault" },
		{ CLUSTER_DELETING, "InvalidDBClusterStateFault" },
		{ CLUSTER_RECOVERABLE, "InvalidDBClusterStateFault" },
		{ CLUSTER_INACCESSIBLE, "InvalidDBClusterStateFault" },
	};
	struct cluster cluster = { .id = "db1", .key_arn = "a key", .in_pool = { .pool = "fast" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		cluster.status = table[i].status;
		assert_string_equal(said(rules_snapshot(&cluster, &f)), table[i].fault);
	}
	cluster.status = CLUSTER_AVAILABLE;
	cluster.operation = (struct operation *)&cluster;
	assert_string_equal(said(rules_snapshot(&cluster, &f)), "InvalidDBClusterStateFault");
	cluster.operation = NULL;
	cluster.key_arn[0] = 0;
	assert_string_equal(said(rules_snapshot(&cluster, &f)), "InvalidDBClusterStateFault");
	assert_non_null(strstr(f.message, "is not encrypted"));
	strcpy(cluster.key_arn, "a key");
	cluster.in_pool.pool[0] = 0;
	assert_string_equal(said(rules_snapshot(&cluster, &f)), "InvalidDBClusterStateFault");
	assert_non_null(strstr(f.message, "need a pool"));
}

static void the_quota_is_the_number_of_snapshots_that_there_may_be(void **state)
{
	assert_string_equal(said(rules_snapshot_quota(99, 100, &f)), "");
	assert_string_equal(said(rules_snapshot_quota(100, 100, &f)), "SnapshotQuotaExceededFault");
	assert_string_equal(said(rules_snapshot_quota(0, 0, &f)), "SnapshotQuotaExceededFault");
}

static void names_and_types_are_those_of_rds(void **state)
{
	assert_string_equal(said(rules_snapshot_name("before-upgrade", &f)), "");
	assert_string_equal(said(rules_snapshot_name("1st", &f)), "InvalidParameterValue");
	assert_string_equal(said(rules_snapshot_name("a--b", &f)), "InvalidParameterValue");
	assert_string_equal(said(rules_snapshot_type("manual", &f)), "");
	assert_string_equal(said(rules_snapshot_type("automated", &f)), "");
	assert_string_equal(said(rules_snapshot_type("Manual", &f)), "InvalidParameterValue");
}

static void only_a_whole_snapshot_is_deleted_or_restored(void **state)
{
	struct restore_request request = { .identifier = "db2",
					   .snapshot = "s1",
					   .status = SNAPSHOT_AVAILABLE,
					   .snapshot_pool = "fast" };
	const char *fault = "InvalidDBClusterSnapshotStateFault";

	assert_string_equal(said(rules_snapshot_delete("s1", SNAPSHOT_AVAILABLE, false, &f)), "");
	assert_string_equal(said(rules_snapshot_delete("s1", SNAPSHOT_AVAILABLE, true, &f)), fault);
	assert_string_equal(said(rules_snapshot_delete("s1", SNAPSHOT_CREATING, true, &f)), fault);
	assert_string_equal(said(rules_snapshot_delete("s1", SNAPSHOT_DELETING, false, &f)), fault);
	assert_string_equal(said(rules_restore(&request, &f)), "");
	request.status = SNAPSHOT_CREATING;
	assert_string_equal(said(rules_restore(&request, &f)), fault);
	request.status = SNAPSHOT_DELETING;
	assert_string_equal(said(rules_restore(&request, &f)), fault);
}

static void a_restore_keeps_encryption_pool_and_key(void **state)
{
	struct restore_request request = { .identifier = "db2",
					   .snapshot = "s1",
					   .status = SNAPSHOT_AVAILABLE,
					   .snapshot_pool = "fast",
					   .pool = "fast" };
	const char *fault = "InvalidParameterCombination";

	assert_string_equal(said(rules_restore(&request, &f)), "");
	request.plain = true;
	assert_string_equal(said(rules_restore(&request, &f)), fault);
	request.plain = false;
	request.pool = "slow";
	assert_string_equal(said(rules_restore(&request, &f)), fault);
	request.pool = NULL;
	request.identifier = "-db2";
	assert_string_equal(said(rules_restore(&request, &f)), "InvalidParameterValue");
	assert_string_equal(said(rules_restore_key("s1", KEY, KEY, &f)), "");
	assert_string_equal(said(rules_restore_key("s1", KEY, OTHER, &f)), fault);
	assert_string_equal(said(rules_restore_key("s1", KEY, "", &f)), fault);
}

static void the_name_of_a_logical_volume_tells_a_snapshot_from_the_volume(void **state)
{
	const char *id = "vol-0123456789abcdef0";

	assert_false(thin_is_another("vg0-envelope--vol--0123456789abcdef0", id));
	assert_true(thin_is_another("vg0-envelope--vol--0123456789abcdef1", id));
	assert_true(thin_is_another("vg0-envelope--snap--0123456789abcdef0", id));
	assert_true(thin_is_another("my--group-envelope--snap--0123456789abcdef0", id));
	/* A disk of somebody else's, also one whose name is too short to have an id. */
	assert_false(thin_is_another("vg0-data", id));
	assert_false(thin_is_another("0123456789abcdef1", id));
	assert_false(thin_is_another("vg0-0123456789abcdef1", id));
	assert_false(thin_is_another("vg0-envelope--vol--0123456789abcdefg", id));
	assert_false(thin_is_another("", id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_in_a_pool_gives_a_snapshot_while_it_has_its_key),
		cmocka_unit_test(the_quota_is_the_number_of_snapshots_that_there_may_be),
		cmocka_unit_test(names_and_types_are_those_of_rds),
		cmocka_unit_test(only_a_whole_snapshot_is_deleted_or_restored),
		cmocka_unit_test(a_restore_keeps_encryption_pool_and_key),
		cmocka_unit_test(the_name_of_a_logical_volume_tells_a_snapshot_from_the_volume),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
