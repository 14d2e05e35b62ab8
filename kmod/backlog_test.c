// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the reads that one interrupt completes: what the interrupted CPU does
 * of them, and what it leaves to others.
 */
#include <linux/delay.h>

#include "fixture_test.h"

#define READ_BYTES 4096
#define READS	   64
/* The reads after which a tasklet looks at the clock. */
#define LOOK_READS 8

static void backlog_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

static u64 left_to_workers(struct fixture *fixture)
{
	struct envelope_counters sum;

	envelope_io_counters(fixture->dev, &sum);
	return sum.events[ENVELOPE_READ_BACKLOG];
}

/* With PREEMPT_RT no bottom half, no budget: the thread of the interrupt decrypts small reads. */
static unsigned int expected_left(unsigned int nr)
{
	return IS_ENABLED(CONFIG_PREEMPT_RT) ? 0 : nr;
}

/* Return: number of the reads that were left to workers. */
static u64 read_many(struct fixture *fixture, struct test_io *ios[READS], const u8 *data)
{
	u64 before = left_to_workers(fixture);
	unsigned int i;

	for (i = 0; i < READS; i++)
		memset(ios[i]->arena, 0, READ_BYTES);
	test_ios_hold_reads(ios, READS, 0, 8);
	test_disk_interrupt(fixture->disk);
	for (i = 0; i < READS; i++) {
		KUNIT_EXPECT_EQ(fixture->test, test_io_wait(ios[i]), BLK_STS_OK);
		KUNIT_EXPECT_TRUE(fixture->test,
				  !memcmp(ios[i]->arena, data + i * READ_BYTES, READ_BYTES));
	}
	return left_to_workers(fixture) - before;
}

/**
 * struct budget_row - what a CPU leaves to workers
 * @name: of the row
 * @ns: time that the tasklet has in each period
 * @left: reads that it leaves to workers
 */
struct budget_row {
	const char *name;
	u64 ns;
	unsigned int left;
};

static const struct budget_row budget_rows[] = {
	{ "no time", 0, READS },
	{ "until it looks at the clock", 1, READS - LOOK_READS },
	{ "all the time", U64_MAX, 0 },
};

KUNIT_ARRAY_PARAM_DESC(budget, budget_rows, name);

/* Twice, in two periods: each period has the whole budget. */
static void cpu_keeps_its_budget(struct kunit *test)
{
	static const struct io_segment segment = { 0, READ_BYTES };
	const struct budget_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	u8 *data = kunit_kmalloc(test, READS * READ_BYTES, GFP_KERNEL);
	struct test_io *ios[READS];
	unsigned int i, round;
	u64 budget;

	KUNIT_ASSERT_NOT_NULL(test, data);
	get_random_bytes(data, READS * READ_BYTES);
	for (i = 0; i < READS; i++) {
		ios[i] = test_io_new(fixture, &segment, 1);
		test_io_fill(ios[i], data + i * READ_BYTES);
		KUNIT_EXPECT_EQ(test, test_io_run(ios[i], REQ_OP_WRITE, i * 8), BLK_STS_OK);
	}
	budget = envelope_interrupt_set_budget(row->ns);
	for (round = 0; round < 2; round++) {
		msleep(20);
		KUNIT_EXPECT_EQ(test, read_many(fixture, ios, data), expected_left(row->left));
	}
	/* A read that comes alone needs no worker. */
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ, 0, 4096), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, left_to_workers(fixture), 2 * expected_left(row->left));
	envelope_interrupt_set_budget(budget);
	for (i = 0; i < READS; i++)
		test_io_free(ios[i]);
}

/* A worker is a thread like others: it may not keep them from the CPU as a bottom half does. */
static void workers_have_the_usual_priority(struct kunit *test)
{
	static const struct io_segment segment = { 0, READ_BYTES };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *ios[2] = { test_io_new(fixture, &segment, 1),
				   test_io_new(fixture, &segment, 1) };
	u64 budget = envelope_interrupt_set_budget(0);
	unsigned int i;

	test_ios_hold_reads(ios, 2, 0, 0);
	test_disk_interrupt(fixture->disk);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, test_io_wait(ios[i]), BLK_STS_OK);
		KUNIT_EXPECT_TRUE(test, ios[i]->in_task);
		KUNIT_EXPECT_EQ(test, ios[i]->nice, 0);
		test_io_free(ios[i]);
	}
	envelope_interrupt_set_budget(budget);
}

/* The end of the key, with reads in every batch: each is refused, and its buffer is wiped. */
static void left_reads_are_refused(struct kunit *test)
{
	static const struct io_segment segment = { 0, READ_BYTES };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *ios[READS];
	u64 budget = envelope_interrupt_set_budget(0);
	unsigned int i;

	for (i = 0; i < READS; i++) {
		ios[i] = test_io_new(fixture, &segment, 1);
		memset(ios[i]->arena, 0xa5, READ_BYTES);
	}
	test_ios_hold_reads(ios, READS, 0, 8);
	key_revoke(fixture->key);
	test_disk_interrupt(fixture->disk);
	for (i = 0; i < READS; i++) {
		KUNIT_EXPECT_EQ(test, test_io_wait(ios[i]), BLK_STS_IOERR);
		KUNIT_EXPECT_NULL(test, memchr_inv(ios[i]->arena, 0, READ_BYTES));
		test_io_free(ios[i]);
	}
	KUNIT_EXPECT_EQ(test, left_to_workers(fixture), expected_left(READS));
	envelope_interrupt_set_budget(budget);
}

static struct kunit_case backlog_cases[] = { KUNIT_CASE_PARAM(cpu_keeps_its_budget,
							      budget_gen_params),
					     KUNIT_CASE(workers_have_the_usual_priority),
					     KUNIT_CASE(left_reads_are_refused),
					     {} };

static struct kunit_suite backlog_suite = {
	.name = "envelope_backlog",
	.exit = backlog_exit,
	.test_cases = backlog_cases,
};

kunit_test_suite(backlog_suite);
