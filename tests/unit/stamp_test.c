// SPDX-License-Identifier: MIT
/* sources: agent/work/stamp.c */
/*
 * The stamp that the agent remembers when the user has chosen a disk. The next stamp is later than each
 * stamp that this host has written, and the chosen disk is not taken for a copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/stamps.h"
#include "agent/work/stamp.h"

#define EARLIER "2026-11-01T00:00:00Z"
#define LATER	"2026-11-02T00:00:00Z"

int stamps_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	return 0;
}

int stamps_record(struct catalog *catalog, const struct cluster *cluster, struct fault *f)
{
	return 0;
}

void cluster_changed(struct cluster *cluster)
{
}

/* The stamp that is remembered after one of the host "1" with @time was known. */
static struct volume_owner choose(const char *time, const struct volume_owner *owner)
{
	struct agent agent = { 0 };
	struct cluster cluster = { .agent = &agent, .stamp = { .host = "1", .boot = "b" } };

	strcpy(cluster.stamp.time, time);
	stamp_choose(&cluster, owner);
	return cluster.stamp;
}

static void a_later_stamp_is_the_one_that_counts(void **state)
{
	const struct volume_owner own = { .host = "1", .boot = "b", .time = LATER };
	const struct volume_owner other = { .host = "2", .boot = "c", .time = LATER };

	assert_string_equal(choose(EARLIER, &own).host, "1");
	assert_string_equal(choose(EARLIER, &own).time, LATER);
	assert_string_equal(choose(EARLIER, &other).host, "2");
	assert_string_equal(choose(EARLIER, &other).time, LATER);
}

/* Without a host the disk is no copy: volume_owner_is_older(). */
static void an_earlier_stamp_is_taken_and_the_time_is_kept(void **state)
{
	const struct volume_owner own = { .host = "1", .boot = "b", .time = EARLIER };
	const struct volume_owner other = { .host = "2", .boot = "c", .time = EARLIER };
	const struct volume_owner nobody = { 0 };

	assert_string_equal(choose(LATER, &own).host, "");
	assert_string_equal(choose(LATER, &own).time, LATER);
	assert_string_equal(choose(LATER, &other).host, "");
	assert_string_equal(choose(LATER, &other).time, LATER);
	assert_string_equal(choose(LATER, &nobody).host, "");
	assert_string_equal(choose(LATER, &nobody).time, LATER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_stamp_is_the_one_that_counts),
		cmocka_unit_test(an_earlier_stamp_is_taken_and_the_time_is_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
