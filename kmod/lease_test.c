// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the arithmetic of leases, row by row, at its edges.
 */
#include <kunit/test.h>

#include "envelope.h"

#define SECOND ((u64)NSEC_PER_SEC)
#define NOW    (1000 * SECOND)

struct lease_row {
	const char *name;
	u64 lease_ns;
	u64 deadline_ns;
	u64 now_ns;
	int result;
};

static const struct lease_row start_rows[] = {
	{ "1 whole lease", 60 * SECOND, NOW + 60 * SECOND, NOW, 0 },
	{ "2 one nanosecond of it", 60 * SECOND, NOW + 1, NOW, 0 },
	{ "3 one nanosecond more than it", 60 * SECOND, NOW + 60 * SECOND + 1, NOW, -EINVAL },
	{ "4 deadline is now", 60 * SECOND, NOW, NOW, -EINVAL },
	{ "5 deadline is past", 60 * SECOND, NOW - 1, NOW, -EINVAL },
	{ "6 deadline 0", 60 * SECOND, 0, NOW, -EINVAL },
	{ "7 deadline is the end of time", 60 * SECOND, U64_MAX, NOW, -EINVAL },
	{ "8 length 0", 0, NOW + 1, NOW, -EINVAL },
	{ "9 shortest length", ENVELOPE_LEASE_MIN_NS, NOW + SECOND, NOW, 0 },
	{ "10 shorter than that", ENVELOPE_LEASE_MIN_NS - 1, NOW + 1, NOW, -EINVAL },
	{ "11 longest length", ENVELOPE_LEASE_MAX_NS, NOW + ENVELOPE_LEASE_MAX_NS, NOW, 0 },
	{ "12 longer than that", ENVELOPE_LEASE_MAX_NS + 1, NOW + 1, NOW, -EINVAL },
	{ "13 length U64_MAX", U64_MAX, NOW + 1, NOW, -EINVAL },
	{ "14 just after boot", SECOND, SECOND, 0, 0 },
	{ "15 now + length wraps", 60 * SECOND, 10 * SECOND, U64_MAX - 1, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(start, start_rows, name);

static void start_of_a_lease(struct kunit *test)
{
	const struct lease_row *row = test->param_value;
	struct envelope_lease lease = { .lease_ns = 7, .deadline_ns = 8 };

	KUNIT_EXPECT_EQ(test,
			envelope_lease_start(&lease, row->lease_ns, row->deadline_ns, row->now_ns),
			row->result);
	KUNIT_EXPECT_EQ(test, lease.lease_ns, row->result ? 7 : row->lease_ns);
	KUNIT_EXPECT_EQ(test, lease.deadline_ns, row->result ? 8 : row->deadline_ns);
}

/* A lease of 60 s that ends at NOW + 30 s. */
static const struct lease_row renew_rows[] = {
	{ "1 extended to the full", 0, NOW + 60 * SECOND, NOW, 0 },
	{ "2 extended beyond", 0, NOW + 60 * SECOND + 1, NOW, -EINVAL },
	{ "3 left as it is", 0, NOW + 30 * SECOND, NOW, 0 },
	{ "4 shortened", 0, NOW + 1, NOW, 0 },
	{ "5 into the past", 0, NOW - 1, NOW, -EINVAL },
	{ "6 to now", 0, NOW, NOW, -EINVAL },
	{ "7 to the end of time", 0, U64_MAX, NOW, -EINVAL },
	{ "8 a nanosecond before its end", 0, NOW + 80 * SECOND, NOW + 30 * SECOND - 1, 0 },
	{ "9 at its end", 0, NOW + 80 * SECOND, NOW + 30 * SECOND, -EKEYEXPIRED },
	{ "10 after its end", 0, NOW + 80 * SECOND, NOW + 31 * SECOND, -EKEYEXPIRED },
};

KUNIT_ARRAY_PARAM_DESC(renew, renew_rows, name);

static void renewal_of_a_lease(struct kunit *test)
{
	const struct lease_row *row = test->param_value;
	struct envelope_lease lease;

	KUNIT_ASSERT_EQ(test, envelope_lease_start(&lease, 60 * SECOND, NOW + 30 * SECOND, NOW), 0);
	KUNIT_EXPECT_EQ(test, envelope_lease_renew(&lease, row->deadline_ns, row->now_ns),
			row->result);
	KUNIT_EXPECT_EQ(test, lease.lease_ns, 60 * SECOND);
	KUNIT_EXPECT_EQ(test, lease.deadline_ns,
			row->result ? NOW + 30 * SECOND : row->deadline_ns);
}

static void time_left(struct kunit *test)
{
	const struct envelope_lease lease = { 60 * SECOND, NOW };

	KUNIT_EXPECT_FALSE(test, envelope_lease_expired(&lease, NOW - 1));
	KUNIT_EXPECT_TRUE(test, envelope_lease_expired(&lease, NOW));
	KUNIT_EXPECT_TRUE(test, envelope_lease_expired(&lease, U64_MAX));

	KUNIT_EXPECT_EQ(test, envelope_lease_left_ns(&lease, NOW - 1), 1);
	KUNIT_EXPECT_EQ(test, envelope_lease_left_ns(&lease, NOW), 0);
	KUNIT_EXPECT_EQ(test, envelope_lease_left_ns(&lease, U64_MAX), 0);

	/* 0 means "expired", so a part of a second counts as a second. */
	KUNIT_EXPECT_EQ(test, envelope_lease_left_seconds(&lease, NOW - 1), 1);
	KUNIT_EXPECT_EQ(test, envelope_lease_left_seconds(&lease, NOW - SECOND), 1);
	KUNIT_EXPECT_EQ(test, envelope_lease_left_seconds(&lease, NOW - SECOND - 1), 2);
	KUNIT_EXPECT_EQ(test, envelope_lease_left_seconds(&lease, NOW), 0);
}

static struct kunit_case lease_cases[] = { KUNIT_CASE_PARAM(start_of_a_lease, start_gen_params),
					   KUNIT_CASE_PARAM(renewal_of_a_lease, renew_gen_params),
					   KUNIT_CASE(time_left),
					   {} };

static struct kunit_suite lease_suite = {
	.name = "envelope_lease",
	.test_cases = lease_cases,
};

kunit_test_suite(lease_suite);
