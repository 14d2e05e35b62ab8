// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the bounce pages of writes. A write gets all its pages or none, the
 * reserve suffices for one maximal write, and no thread waits for a device that has died.
 */
#include <kunit/test.h>
#include <linux/kthread.h>

#include "fixture_test.h"

struct bounce_bench {
	struct envelope_bounce_pool pool;
	struct envelope_lifecycle lc;
	struct envelope_bounce whole;
	struct envelope_bounce small;
	unsigned long limit;
	unsigned int nr;
	bool taken;
	struct completion done;
};

static int bounce_init(struct kunit *test)
{
	struct bounce_bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	int r;

	if (!bench)
		return -ENOMEM;
	init_completion(&bench->done);
	envelope_lifecycle_init(&bench->lc);
	r = envelope_bounce_pool_init(&bench->pool);
	if (r)
		return r;
	bench->limit = envelope_pages_set_limit(16 * ENVELOPE_MAX_PAGES);
	envelope_pages_drain();
	test->priv = bench;
	return 0;
}

static void bounce_exit(struct kunit *test)
{
	struct bounce_bench *bench = test->priv;

	if (!bench)
		return;
	envelope_bounce_pool_exit(&bench->pool);
	envelope_pages_drain();
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
	envelope_pages_set_limit(bench->limit);
}

static void expect_whole_pages(struct kunit *test, const struct envelope_bounce *bounce)
{
	unsigned int i, j, nr = DIV_ROUND_UP(bounce->nr, 1U << bounce->order);

	for (i = 0; i < nr; i++) {
		const struct bio_vec *bv = &bounce->bvecs[i];

		KUNIT_EXPECT_EQ(test, bv->bv_len, PAGE_SIZE << bounce->order);
		KUNIT_EXPECT_EQ(test, bv->bv_offset, 0);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, bv->bv_page, bounce->bvecs[j].bv_page);
	}
}

struct size_row {
	const char *name;
	unsigned int nr;
};

static const struct size_row size_rows[] = {
	{ "1", 1 },
	{ "inline", ENVELOPE_INLINE_BVECS },
	{ "with a table", ENVELOPE_INLINE_BVECS + 1 },
	{ "maximal", ENVELOPE_MAX_PAGES },
};

KUNIT_ARRAY_PARAM_DESC(size, size_rows, name);

/* Pages come from the shared cache; when that is empty, from the reserve. */
static void gives_and_takes_back(struct kunit *test)
{
	const struct size_row *row = test->param_value;
	struct bounce_bench *bench = test->priv;

	KUNIT_ASSERT_TRUE(test, envelope_bounce_try_take(&bench->pool, &bench->small, row->nr));
	KUNIT_EXPECT_EQ(test, bench->small.nr, row->nr);
	expect_whole_pages(test, &bench->small);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), row->nr + (row->nr > ENVELOPE_INLINE_BVECS));
	envelope_bounce_release(&bench->pool, &bench->small);
	KUNIT_EXPECT_EQ(test, bench->pool.nr_pages, ENVELOPE_RESERVE_PAGES);

	fixture_starve();
	KUNIT_EXPECT_FALSE(test, envelope_bounce_try_take(&bench->pool, &bench->small, row->nr));
	KUNIT_ASSERT_TRUE(test,
			  envelope_bounce_take(&bench->pool, &bench->small, row->nr, &bench->lc));
	KUNIT_EXPECT_EQ(test, bench->small.nr, row->nr);
	expect_whole_pages(test, &bench->small);
	envelope_bounce_release(&bench->pool, &bench->small);
	KUNIT_EXPECT_EQ(test, bench->pool.nr_pages, ENVELOPE_RESERVE_PAGES);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
}

/* The n-th allocation fails, for one n after another. */
static void takes_all_or_nothing(struct kunit *test)
{
	struct bounce_bench *bench = test->priv;
	struct sweep sweep = {};

	while (sweep_begin(&sweep)) {
		bool taken = envelope_bounce_try_take(&bench->pool, &bench->small, 8);

		sweep_end(&sweep, !taken);
		if (taken)
			envelope_bounce_release(&bench->pool, &bench->small);
		/* A write that gets too few pages gives them back. */
		envelope_pages_drain();
		KUNIT_EXPECT_EQ_MSG(test, envelope_pages_owned(), 0, "allocation %u", sweep.nth);
	}
	KUNIT_EXPECT_TRUE(test, sweep.complete);
	/* Eight pages and the table. */
	KUNIT_EXPECT_GE(test, sweep.refused, 9);
}

static int take_thread(void *data)
{
	struct bounce_bench *bench = data;

	bench->taken = envelope_bounce_take(&bench->pool, &bench->small, bench->nr, &bench->lc);
	complete(&bench->done);
	return 0;
}

static void start_waiter(struct kunit *test, unsigned int nr)
{
	struct bounce_bench *bench = test->priv;

	fixture_starve();
	KUNIT_ASSERT_TRUE(test, envelope_bounce_take(&bench->pool, &bench->whole,
						     ENVELOPE_MAX_PAGES, &bench->lc));
	KUNIT_EXPECT_TRUE(test, bench->whole.reserved);
	bench->nr = nr;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(take_thread, bench, "envelope_take"));
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&bench->done, A_WHILE), 0);
	KUNIT_EXPECT_TRUE(test, wq_has_sleeper(&bench->pool.wait));
}

static void waiter_gets_returned_pages(struct kunit *test)
{
	struct bounce_bench *bench = test->priv;

	start_waiter(test, 8);
	envelope_bounce_release(&bench->pool, &bench->whole);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&bench->done, LONG_ENOUGH), 0);
	KUNIT_EXPECT_TRUE(test, bench->taken);
	KUNIT_EXPECT_EQ(test, bench->small.nr, 8);
	envelope_bounce_release(&bench->pool, &bench->small);
	KUNIT_EXPECT_EQ(test, bench->pool.nr_pages, ENVELOPE_RESERVE_PAGES);
}

static void waiter_leaves_a_dead_device(struct kunit *test)
{
	struct bounce_bench *bench = test->priv;

	start_waiter(test, 8);
	envelope_lifecycle_begin_kill(&bench->lc, ENVELOPE_KEY_REVOKED);
	envelope_bounce_wake(&bench->pool);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&bench->done, LONG_ENOUGH), 0);
	KUNIT_EXPECT_FALSE(test, bench->taken);
	envelope_bounce_release(&bench->pool, &bench->whole);
	KUNIT_EXPECT_EQ(test, bench->pool.nr_pages, ENVELOPE_RESERVE_PAGES);
}

static void init_survives_any_failed_allocation(struct kunit *test)
{
	struct envelope_bounce_pool *pool = kunit_kzalloc(test, sizeof(*pool), GFP_KERNEL);
	struct sweep sweep = {};

	KUNIT_ASSERT_NOT_NULL(test, pool);
	while (sweep_begin(&sweep)) {
		int r = envelope_bounce_pool_init(pool);

		sweep_end(&sweep, r);
		if (!r)
			envelope_bounce_pool_exit(pool);
	}
	KUNIT_EXPECT_TRUE(test, sweep.complete);
	KUNIT_EXPECT_GE(test, sweep.refused, ENVELOPE_RESERVE_PAGES);
}

static struct kunit_case bounce_cases[] = { KUNIT_CASE_PARAM(gives_and_takes_back, size_gen_params),
					    KUNIT_CASE(takes_all_or_nothing),
					    KUNIT_CASE(waiter_gets_returned_pages),
					    KUNIT_CASE(waiter_leaves_a_dead_device),
					    KUNIT_CASE(init_survives_any_failed_allocation),
					    {} };

static struct kunit_suite bounce_suite = {
	.name = "envelope_bounce",
	.init = bounce_init,
	.exit = bounce_exit,
	.test_cases = bounce_cases,
};

kunit_test_suite(bounce_suite);
