// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the pages that writes use again and again. No page is lost, no page
 * has two users, pages move between CPUs but not between nodes, there are no more of them than the
 * limit, and the kernel gets those that no write uses when it needs memory or a CPU goes.
 */
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "fixture_test.h"

#define NR     (ENVELOPE_CACHE_PAGES * 3 / 4)
#define ROUNDS 200
#define CROWD  (ENVELOPE_CACHE_PAGES * 7) /* more than the cache of a CPU, less than a depot */
#define HIDDEN (ENVELOPE_CACHE_PAGES / 2) /* pages that a CPU keeps for other nodes */
#define MARK   0xe5e5e5e5

struct pages_bench {
	unsigned long limit;
	struct envelope_share share;
	struct bio_vec bvecs[CROWD];
	unsigned int nr;
	struct completion done;
};

/* With several nodes, every other page is on node 1. The CPUs are on node 0. */
int envelope_page_node(const struct page *page)
{
	return page_to_pfn((struct page *)page) & 1;
}

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

	envelope_pages_put(&bench->share, bench->bvecs, bench->nr);
	complete(&bench->done);
	return 0;
}

/* Takes @nr pages here, and puts them back on @cpu. */
static void take_and_put_on(struct kunit *test, unsigned int nr, unsigned int cpu)
{
	struct pages_bench *bench = test->priv;
	struct task_struct *thread;

	bench->nr = nr;
	KUNIT_ASSERT_TRUE(test, envelope_pages_take(&bench->share, bench->bvecs, nr));
	thread = kthread_create(put_thread, bench, "envelope_put");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	kthread_bind(thread, cpu);
	wake_up_process(thread);
	wait_for_completion(&bench->done);
}

/* One CPU submits and another completes: no page goes back to the page allocator. */
static void pages_move_between_cpus(struct kunit *test)
{
	unsigned int i;

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	for (i = 0; i < 10; i++) {
		take_and_put_on(test, CROWD,
				cpumask_any_but(cpu_online_mask, raw_smp_processor_id()));
		/* The pages in the cache of the other CPU are replaced once. */
		KUNIT_EXPECT_LE(test, envelope_pages_owned(),
				CROWD + num_online_cpus() * ENVELOPE_CACHE_PAGES);
		KUNIT_EXPECT_GE(test, envelope_pages_owned(), CROWD);
	}
}

/* A write counts its pages once: if they are too many, none comes from the page allocator. */
static void refused_write_allocates_nothing(struct kunit *test)
{
	struct pages_bench *bench = test->priv;

	envelope_pages_set_limit(NR);
	KUNIT_EXPECT_FALSE(test, envelope_pages_take(&bench->share, bench->bvecs, NR + 1));
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
}

/* ---- nodes ---- */

static bool is_marked(const struct bio_vec *bvec)
{
	return *(u32 *)page_address(bvec->bv_page) == MARK;
}

/* Puts all pages back, those of the other node with a mark. */
static void mark_and_put(struct pages_bench *bench, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		*(u32 *)page_address(bench->bvecs[i].bv_page) =
			envelope_page_node(bench->bvecs[i].bv_page) ? MARK : 0;
	envelope_pages_put(&bench->share, bench->bvecs, nr);
}

/* Pages of another node do not serve this one, unless no other page is left. */
static void pages_stay_on_their_node(struct kunit *test)
{
	struct pages_bench *bench = test->priv;
	unsigned int i, marked = 0;
	bool taken;

	static_branch_enable(&envelope_several_nodes);
	migrate_disable();
	KUNIT_EXPECT_TRUE(test, envelope_pages_take(&bench->share, bench->bvecs, CROWD));
	mark_and_put(bench, CROWD);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), CROWD);
	KUNIT_EXPECT_TRUE(test, envelope_pages_take(&bench->share, bench->bvecs, CROWD));
	for (i = 0; i < CROWD; i++)
		marked += is_marked(&bench->bvecs[i]);
	KUNIT_EXPECT_EQ_MSG(test, marked, 0, "of %u pages are of the other node", CROWD);

	envelope_pages_set_limit(envelope_pages_owned());
	mark_and_put(bench, CROWD);
	taken = envelope_pages_take(&bench->share, bench->bvecs, CROWD - HIDDEN);
	KUNIT_EXPECT_TRUE_MSG(test, taken, "the limit refuses pages that the other node has");
	for (i = 0; taken && i < CROWD - HIDDEN; i++)
		*(u32 *)page_address(bench->bvecs[i].bv_page) = 0;
	if (taken)
		envelope_pages_put(&bench->share, bench->bvecs, CROWD - HIDDEN);
	migrate_enable();
	envelope_pages_drain();
	static_branch_disable(&envelope_several_nodes);
}

/* ---- memory that others need ---- */

/* What the shrinkers of the kernel can free is free: all but the caches of the CPUs. */
static void kernel_takes_unused_pages_back(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		take_and_put_on(test, CROWD, cpumask_last(cpu_online_mask));
		KUNIT_EXPECT_GE(test, envelope_pages_owned(), CROWD);
		KUNIT_ASSERT_EQ(test, fixture_run("echo 2 >/proc/sys/vm/drop_caches"), 0);
		KUNIT_EXPECT_LE(test, envelope_pages_owned(),
				num_online_cpus() * ENVELOPE_CACHE_PAGES);
	}
}

static void cpu_leaves_no_page_behind(struct kunit *test)
{
	unsigned int cpu = cpumask_last(cpu_online_mask);

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	take_and_put_on(test, NR, cpu);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), NR);
	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	KUNIT_EXPECT_EQ_MSG(test, envelope_pages_owned(), 0, "pages of a CPU that is offline");
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
	/* The CPU keeps pages again. */
	take_and_put_on(test, NR, cpu);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), NR);
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
					   KUNIT_CASE(refused_write_allocates_nothing),
					   KUNIT_CASE(pages_stay_on_their_node),
					   KUNIT_CASE(kernel_takes_unused_pages_back),
					   KUNIT_CASE(cpu_leaves_no_page_behind),
					   KUNIT_CASE(no_page_has_two_users),
					   {} };

static struct kunit_suite pages_suite = {
	.name = "envelope_pages",
	.init = pages_init,
	.exit = pages_exit,
	.test_cases = pages_cases,
};

kunit_test_suite(pages_suite);
