// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of runs of contiguous pages. A large write has few segments, its data is right
 * with runs and without, and runs that no write uses are in nobody's way.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/workqueue.h>

#include "fixture_test.h"

#define NR   8
#define MARK 0xe5e5e5e5

struct runs_bench {
	unsigned long limit;
	struct envelope_bounce_pool pool;
	struct bio_vec runs[NR];
	struct bio_vec pages[NR * ENVELOPE_RUN_PAGES];
};

static int runs_init(struct kunit *test)
{
	struct runs_bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);

	if (!bench)
		return -ENOMEM;
	envelope_pages_drain();
	bench->limit = envelope_pages_set_limit(4 * ENVELOPE_MAX_PAGES);
	if (envelope_bounce_pool_init(&bench->pool))
		return -ENOMEM;
	test->priv = bench;
	return 0;
}

static void runs_exit(struct kunit *test)
{
	struct runs_bench *bench = test->priv;

	if (!bench)
		return;
	KUNIT_EXPECT_EQ(test, envelope_share_used(&bench->pool.share), 0);
	envelope_bounce_pool_exit(&bench->pool);
	envelope_pages_drain();
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
	envelope_pages_set_limit(bench->limit);
}

/* ---- the runs ---- */

static void runs_are_used_again(struct kunit *test)
{
	struct runs_bench *bench = test->priv;
	unsigned int i, marked = 0;

	KUNIT_ASSERT_TRUE(test, envelope_runs_take(&bench->pool.share, bench->runs, NR));
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), NR * ENVELOPE_RUN_PAGES);
	KUNIT_EXPECT_EQ(test, envelope_share_used(&bench->pool.share), NR * ENVELOPE_RUN_PAGES);
	for (i = 0; i < NR; i++)
		*(u32 *)page_address(bench->runs[i].bv_page) = MARK;
	envelope_runs_put(&bench->pool.share, bench->runs, NR);
	KUNIT_EXPECT_EQ_MSG(test, envelope_depot_pages(), NR * ENVELOPE_RUN_PAGES,
			    "runs went to the page allocator");
	KUNIT_ASSERT_TRUE(test, envelope_runs_take(&bench->pool.share, bench->runs, NR));
	for (i = 0; i < NR; i++) {
		KUNIT_EXPECT_EQ(test, bench->runs[i].bv_len, ENVELOPE_RUN_PAGES * PAGE_SIZE);
		/* The run was not cleared. */
		marked += *(u32 *)page_address(bench->runs[i].bv_page) == MARK;
	}
	KUNIT_EXPECT_EQ(test, marked, NR);
	envelope_runs_put(&bench->pool.share, bench->runs, NR);
}

/* Runs that a write got in vain are there for the next one. */
static void takes_all_or_nothing(struct kunit *test)
{
	struct runs_bench *bench = test->priv;
	struct sweep sweep = {};

	while (sweep_begin(&sweep)) {
		bool taken = envelope_runs_take(&bench->pool.share, bench->runs, NR);

		sweep_end(&sweep, !taken);
		if (taken)
			envelope_runs_put(&bench->pool.share, bench->runs, NR);
		else
			KUNIT_EXPECT_EQ(test, envelope_pages_owned(), envelope_depot_pages());
		envelope_pages_drain();
	}
	KUNIT_EXPECT_TRUE(test, sweep.complete);
	KUNIT_EXPECT_GE(test, sweep.refused, NR);
}

static void runs_make_room_for_single_pages(struct kunit *test)
{
	struct runs_bench *bench = test->priv;
	bool taken;

	envelope_pages_set_limit(NR * ENVELOPE_RUN_PAGES);
	KUNIT_ASSERT_TRUE(test, envelope_runs_take(&bench->pool.share, bench->runs, NR));
	KUNIT_EXPECT_FALSE(test, envelope_pages_take(&bench->pool.share, bench->pages, 1));
	envelope_runs_put(&bench->pool.share, bench->runs, NR);
	taken = envelope_pages_take(&bench->pool.share, bench->pages, NR * ENVELOPE_RUN_PAGES);
	KUNIT_EXPECT_TRUE_MSG(test, taken, "idle runs use up the limit");
	if (taken)
		envelope_pages_put(&bench->pool.share, bench->pages, NR * ENVELOPE_RUN_PAGES);
}

static void waiting_writer_gets_the_pages_of_runs(struct kunit *test)
{
	struct runs_bench *bench = test->priv;

	bool taken;

	envelope_pages_set_limit(NR * ENVELOPE_RUN_PAGES);
	KUNIT_ASSERT_TRUE(test, envelope_runs_take(&bench->pool.share, bench->runs, NR));
	envelope_share_wait(&bench->pool.share, 1);
	envelope_runs_put(&bench->pool.share, bench->runs, NR);
	taken = envelope_pages_take(&bench->pool.share, bench->pages, NR * ENVELOPE_RUN_PAGES);
	KUNIT_EXPECT_TRUE(test, taken);
	envelope_share_wait_end(&bench->pool.share);
	if (taken)
		envelope_pages_put(&bench->pool.share, bench->pages, NR * ENVELOPE_RUN_PAGES);
}

/* Another CPU would fetch what this CPU has written into its cache. */
static void runs_stay_with_their_cpu(struct kunit *test)
{
	struct runs_bench *bench = test->priv;
	struct page *mine[NR], *run;
	unsigned int i, back = 0;

	migrate_disable();
	KUNIT_ASSERT_TRUE(test, envelope_runs_take(&bench->pool.share, bench->runs, NR));
	for (i = 0; i < NR; i++)
		mine[i] = bench->runs[i].bv_page;
	envelope_runs_put(&bench->pool.share, bench->runs, NR);
	KUNIT_EXPECT_EQ(test, envelope_depot_take_runs(envelope_this_node(), &run, 1), 0);
	KUNIT_EXPECT_EQ(test, envelope_runs_kept(NUMA_NO_NODE), NR * ENVELOPE_RUN_PAGES);
	KUNIT_ASSERT_TRUE(test, envelope_runs_take(&bench->pool.share, bench->runs, NR));
	for (i = 0; i < NR * NR; i++)
		back += bench->runs[i / NR].bv_page == mine[i % NR];
	KUNIT_EXPECT_EQ(test, back, NR);
	envelope_runs_put(&bench->pool.share, bench->runs, NR);
	migrate_enable();
}

static long take_pages_here(void *data)
{
	struct runs_bench *bench = data;

	return envelope_pages_take(&bench->pool.share, bench->pages, NR * ENVELOPE_RUN_PAGES);
}

static long take_and_put_here(void *data)
{
	struct runs_bench *bench = data;
	bool taken = envelope_runs_take(&bench->pool.share, bench->runs, NR);

	if (taken)
		envelope_runs_put(&bench->pool.share, bench->runs, NR);
	return taken;
}

static void other_cpu_gets_the_pages_at_the_limit(struct kunit *test)
{
	unsigned int cpu = cpumask_last(cpu_online_mask);
	struct runs_bench *bench = test->priv;
	long taken;

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	envelope_pages_set_limit(NR * ENVELOPE_RUN_PAGES);
	KUNIT_ASSERT_TRUE(test, work_on_cpu(cpu, take_and_put_here, bench));
	KUNIT_EXPECT_EQ(test, envelope_runs_kept(NUMA_NO_NODE), NR * ENVELOPE_RUN_PAGES);
	taken = work_on_cpu(cpumask_any_but(cpu_online_mask, cpu), take_pages_here, bench);
	KUNIT_EXPECT_TRUE_MSG(test, taken, "runs that CPU %u keeps use up the limit", cpu);
	if (taken)
		envelope_pages_put(&bench->pool.share, bench->pages, NR * ENVELOPE_RUN_PAGES);
}

static void cpu_leaves_no_run_behind(struct kunit *test)
{
	unsigned int cpu = cpumask_last(cpu_online_mask);
	struct runs_bench *bench = test->priv;

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	KUNIT_ASSERT_TRUE(test, work_on_cpu(cpu, take_and_put_here, bench));
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), NR * ENVELOPE_RUN_PAGES);
	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	KUNIT_EXPECT_EQ_MSG(test, envelope_pages_owned(), 0, "runs of a CPU that is offline");
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
}

static void kernel_takes_unused_runs_back(struct kunit *test)
{
	struct runs_bench *bench = test->priv;

	KUNIT_ASSERT_TRUE(test, envelope_runs_take(&bench->pool.share, bench->runs, NR));
	envelope_runs_put(&bench->pool.share, bench->runs, NR);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), NR * ENVELOPE_RUN_PAGES);
	KUNIT_ASSERT_EQ(test, fixture_run("echo 2 >/proc/sys/vm/drop_caches"), 0);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
}

static struct kunit_case runs_cases[] = { KUNIT_CASE(runs_are_used_again),
					  KUNIT_CASE(takes_all_or_nothing),
					  KUNIT_CASE(runs_make_room_for_single_pages),
					  KUNIT_CASE(waiting_writer_gets_the_pages_of_runs),
					  KUNIT_CASE(runs_stay_with_their_cpu),
					  KUNIT_CASE(other_cpu_gets_the_pages_at_the_limit),
					  KUNIT_CASE(cpu_leaves_no_run_behind),
					  KUNIT_CASE(kernel_takes_unused_runs_back),
					  {} };

static struct kunit_suite runs_suite = {
	.name = "envelope_runs",
	.init = runs_init,
	.exit = runs_exit,
	.test_cases = runs_cases,
};

/* ---- writes ---- */

struct write_row {
	const char *name;
	unsigned int size;
	bool single;	    /* in single pages, and not in runs */
	unsigned int limit; /* in bytes; 0: as many pages as it wants */
};

/* The limits allow the pages of the write and the page of its table, but not the rest of a run. */
static const struct write_row write_rows[] = {
	{ "124 KiB", 31 << 12, .single = true },
	{ "128 KiB", 32 << 12 },
	{ "132 KiB", 33 << 12 },
	{ "132 KiB, few pages", 33 << 12, .single = true, .limit = 40 << 12 },
	{ "516 KiB", 129 << 12 },
	{ "516 KiB, few pages", 129 << 12, .single = true, .limit = 136 << 12 },
	{ "1 MiB", 256 << 12 },
	{ "128 KiB and a sector", (32 << 12) + 512 },
};

KUNIT_ARRAY_PARAM_DESC(write, write_rows, name);

static void large_write_has_few_segments(struct kunit *test)
{
	const struct write_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct fixture *fixture = fixture_new(test,
					      &(struct fixture_options){ .sector_size = 512 });
	struct test_io *io = test_io_new(fixture, &segment, 1);
	u8 *data = kvmalloc(row->size, GFP_KERNEL);
	unsigned long limit = 0;
	sector_t sector = 8;

	KUNIT_ASSERT_NOT_NULL(test, data);
	get_random_bytes(data, row->size);
	test_io_fill(io, data);
	envelope_pages_drain();
	if (row->limit)
		limit = envelope_pages_set_limit(row->limit >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE, sector), BLK_STS_OK);
	if (row->limit)
		envelope_pages_set_limit(limit);
	/* A run, and a page that is larger than most, has 64 KiB. */
	KUNIT_EXPECT_EQ(test, fixture->disk->segments,
			DIV_ROUND_UP(row->size, row->single ? PAGE_SIZE : 65536));
	test_oracle(fixture, sector, data, row->size);
	KUNIT_EXPECT_TRUE_MSG(test,
			      !memcmp(fixture->disk->data +
					      ((fixture->options.start + sector) << SECTOR_SHIFT),
				      data, row->size),
			      "what is on the disk is no ciphertext of the write");
	kvfree(data);
	test_io_free(io);
}

static void write_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

static struct kunit_case write_cases[] = {
	KUNIT_CASE_PARAM(large_write_has_few_segments, write_gen_params), {}
};

static struct kunit_suite write_suite = {
	.name = "envelope_large_write",
	.exit = write_exit,
	.test_cases = write_cases,
};

kunit_test_suites(&runs_suite, &write_suite);
