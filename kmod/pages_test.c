// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the pages that writes use again and again. No page is lost, no page
 * has two users, pages move between CPUs, and there are no more of them than the limit.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "envelope.h"

#define NR     48
#define ROUNDS 200
#define CROWD  600 /* more than the cache of a CPU */

struct pages_bench {
	unsigned long limit;
	struct envelope_share share;
	struct bio_vec bvecs[CROWD];
	struct completion done;
};

static int pages_init(struct kunit *test)
{
	struct pages_bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);

	if (!bench)
		return -ENOMEM;
	init_completion(&bench->done);
	envelope_pages_drain();
	bench->limit = envelope_pages_set_limit(2 * CROWD);
	if (envelope_share_init(&bench->share))
		return -ENOMEM;
	test->priv = bench;
	return 0;
}

static void pages_exit(struct kunit *test)
{
	struct pages_bench *bench = test->priv;

	if (!bench)
		return;
	KUNIT_EXPECT_EQ(test, envelope_share_used(&bench->share), 0);
	envelope_share_exit(&bench->share);
	envelope_pages_drain();
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
	envelope_pages_set_limit(bench->limit);
}

/* A thread that stays on its CPU gets the pages that it has just returned. */
static void pages_are_used_again(struct kunit *test)
{
	struct pages_bench *bench = test->priv;
	unsigned int i;

	migrate_disable();
	for (i = 0; i < ROUNDS; i++) {
		u32 *first;

		KUNIT_EXPECT_TRUE(test, envelope_pages_take(&bench->share, bench->bvecs, NR));
		first = page_address(bench->bvecs[0].bv_page);
		/* The page was not cleared. */
		if (i)
			KUNIT_EXPECT_EQ(test, *first, i);
		*first = i + 1;
		/* The page that is returned last is taken first. */
		envelope_pages_put(&bench->share, bench->bvecs + 1, NR - 1);
		envelope_pages_put(&bench->share, bench->bvecs, 1);
	}
	migrate_enable();
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), NR);
}

static void more_than_the_limit_is_refused(struct kunit *test)
{
	struct pages_bench *bench = test->priv;

	envelope_pages_set_limit(NR);
	KUNIT_ASSERT_TRUE(test, envelope_pages_take(&bench->share, bench->bvecs, NR));
	KUNIT_EXPECT_FALSE(test, envelope_pages_take(&bench->share, bench->bvecs + NR, 1));
	/* This CPU keeps the page. Another CPU would not find it. */
	migrate_disable();
	envelope_pages_put(&bench->share, bench->bvecs, 1);
	/* There is one page and not two. The one page is not lost over the refusal. */
	KUNIT_EXPECT_FALSE(test, envelope_pages_take(&bench->share, bench->bvecs + NR, 2));
	KUNIT_EXPECT_TRUE(test, envelope_pages_take(&bench->share, bench->bvecs, 1));
	migrate_enable();
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), NR);
	envelope_pages_put(&bench->share, bench->bvecs, NR);
}

static int put_thread(void *data)
{
	struct pages_bench *bench = data;

	envelope_pages_put(&bench->share, bench->bvecs, CROWD);
	complete(&bench->done);
	return 0;
}

/* One CPU submits and another completes: no page goes back to the page allocator. */
static void pages_move_between_cpus(struct kunit *test)
{
	struct pages_bench *bench = test->priv;
	struct task_struct *thread;
	unsigned int i;

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	for (i = 0; i < 10; i++) {
		KUNIT_ASSERT_TRUE(test, envelope_pages_take(&bench->share, bench->bvecs, CROWD));
		thread = kthread_create(put_thread, bench, "envelope_put");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
		kthread_bind(thread, cpumask_any_but(cpu_online_mask, raw_smp_processor_id()));
		wake_up_process(thread);
		wait_for_completion(&bench->done);
		/* The pages in the cache of the other CPU are replaced once. */
		KUNIT_EXPECT_LE(test, envelope_pages_owned(), CROWD + num_online_cpus() * 64);
		KUNIT_EXPECT_GE(test, envelope_pages_owned(), CROWD);
	}
}

/**
 * struct taker - one of several threads that take and return pages at the same time
 * @done: completed by each thread
 * @share: of the device of all threads
 * @mark: the thread writes this into its pages
 * @stolen: pages in which the thread found another mark
 * @refused: times that there were not enough pages
 * @bvecs: pages of the thread
 */
struct taker {
	struct completion *done;
	struct envelope_share *share;
	u32 mark;
	unsigned int stolen;
	unsigned int refused;
	struct bio_vec bvecs[NR];
};

static int taker_thread(void *data)
{
	struct taker *taker = data;
	unsigned int i, j, nr;

	for (i = 0; i < ROUNDS; i++) {
		nr = 1 + (i * 7 + taker->mark) % NR;
		if (!envelope_pages_take(taker->share, taker->bvecs, nr)) {
			taker->refused++;
			continue;
		}
		for (j = 0; j < nr; j++)
			*(u32 *)page_address(taker->bvecs[j].bv_page) = taker->mark;
		cond_resched();
		for (j = 0; j < nr; j++)
			if (*(u32 *)page_address(taker->bvecs[j].bv_page) != taker->mark)
				taker->stolen++;
		envelope_pages_put(taker->share, taker->bvecs, nr);
	}
	complete(taker->done);
	return 0;
}

static void no_page_has_two_users(struct kunit *test)
{
	struct pages_bench *bench = test->priv;
	struct taker *takers = kunit_kcalloc(test, 4, sizeof(*takers), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, takers);
	for (i = 0; i < 4; i++) {
		takers[i].done = &bench->done;
		takers[i].share = &bench->share;
		takers[i].mark = 0x1000 + i;
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(taker_thread, &takers[i],
							       "envelope_taker"));
	}
	for (i = 0; i < 4; i++)
		wait_for_completion(&bench->done);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, takers[i].stolen, 0);
		KUNIT_EXPECT_LT(test, takers[i].refused, ROUNDS);
	}
}

static struct kunit_case pages_cases[] = { KUNIT_CASE(pages_are_used_again),
					   KUNIT_CASE(more_than_the_limit_is_refused),
					   KUNIT_CASE(pages_move_between_cpus),
					   KUNIT_CASE(no_page_has_two_users),
					   {} };

static struct kunit_suite pages_suite = {
	.name = "envelope_pages",
	.init = pages_init,
	.exit = pages_exit,
	.test_cases = pages_cases,
};

kunit_test_suite(pages_suite);
