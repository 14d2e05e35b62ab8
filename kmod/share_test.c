// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the share of a device in the pages of writes. A disk that hangs keeps its
 * pages, and leaves enough of them to the other devices.
 */
#include <kunit/test.h>
#include <linux/kthread.h>

#include "fixture_test.h"

#define WRITE_PAGES (PAGE_SHIFT < 14 ? ENVELOPE_MAX_PAGES / 8 : 4)
#define LIMIT	    (32 * ENVELOPE_MAX_PAGES)
#define WRITES	    (LIMIT / WRITE_PAGES)
#define DEVICES	    4
/* Writes that need half of a device's share. */
#define SHARE_WRITES (LIMIT / DEVICES / WRITE_PAGES / 2)
/* What the counts of the CPUs hide, with the table of each write. */
#define HIDDEN (LIMIT / 8)

/**
 * struct share_bench - devices without disks
 * @limit: before the test
 * @lc: of the first device
 * @pools: of the devices
 * @nr_pools: how many are initialised
 * @writes: of the first device
 * @nr_writes: how many have pages
 * @others: writes of the second device
 * @nr_others: how many have pages
 * @whole: a write of the first device that has its reserve
 * @waiting: a write of the first device that waits
 * @taken: it has its pages
 * @done: completed by each thread
 */
struct share_bench {
	unsigned long limit;
	struct envelope_lifecycle lc;
	struct envelope_bounce_pool pools[DEVICES];
	unsigned int nr_pools;
	struct envelope_bounce *writes;
	unsigned int nr_writes;
	struct envelope_bounce *others;
	unsigned int nr_others;
	struct envelope_bounce whole;
	struct envelope_bounce waiting;
	bool taken;
	struct completion done;
};

static int share_init(struct kunit *test)
{
	struct share_bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	int r;

	if (!bench)
		return -ENOMEM;
	bench->writes = kunit_kcalloc(test, WRITES, sizeof(*bench->writes), GFP_KERNEL);
	bench->others = kunit_kcalloc(test, WRITES, sizeof(*bench->others), GFP_KERNEL);
	if (!bench->writes || !bench->others)
		return -ENOMEM;
	init_completion(&bench->done);
	envelope_lifecycle_init(&bench->lc);
	envelope_pages_drain();
	bench->limit = envelope_pages_set_limit(LIMIT);
	test->priv = bench;
	for (; bench->nr_pools < DEVICES; bench->nr_pools++) {
		r = envelope_bounce_pool_init(&bench->pools[bench->nr_pools]);
		if (r)
			return r;
	}
	return 0;
}

static void give_back(struct envelope_bounce_pool *pool, struct envelope_bounce *writes,
		      unsigned int *nr)
{
	while (*nr)
		envelope_bounce_release(pool, &writes[--*nr]);
}

static void share_exit(struct kunit *test)
{
	struct share_bench *bench = test->priv;

	if (!bench)
		return;
	give_back(&bench->pools[0], bench->writes, &bench->nr_writes);
	give_back(&bench->pools[1], bench->others, &bench->nr_others);
	while (bench->nr_pools) {
		struct envelope_bounce_pool *pool = &bench->pools[--bench->nr_pools];

		KUNIT_EXPECT_EQ(test, envelope_share_used(&pool->share), 0);
		KUNIT_EXPECT_EQ(test, pool->nr_pages, ENVELOPE_RESERVE_PAGES);
		envelope_bounce_pool_exit(pool);
	}
	envelope_pages_drain();
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
	envelope_pages_set_limit(bench->limit);
}

/* Takes pages for writes until none is left. Return: number of pages, with those of tables. */
static unsigned int take_many(struct envelope_bounce_pool *pool, struct envelope_bounce *writes,
			      unsigned int *nr)
{
	while (*nr < WRITES && envelope_bounce_try_take(pool, &writes[*nr], WRITE_PAGES))
		++*nr;
	return *nr * (WRITE_PAGES + 1);
}

/* A device among idle ones has half of the pages, and a second one has its share all the same. */
static void hung_disk_leaves_pages(struct kunit *test)
{
	struct share_bench *bench = test->priv;
	unsigned int first, second;

	first = take_many(&bench->pools[0], bench->writes, &bench->nr_writes);
	KUNIT_EXPECT_GE(test, first + HIDDEN, LIMIT / 2);
	KUNIT_EXPECT_LE(test, first, LIMIT / 2 + HIDDEN);
	second = take_many(&bench->pools[1], bench->others, &bench->nr_others);
	KUNIT_EXPECT_GE(test, second + HIDDEN, LIMIT / DEVICES);
	KUNIT_EXPECT_LE(test, first + second, LIMIT);
}

/* Pages that other devices give back on this CPU are in its cache, and are not counted there. */
static void hung_disk_takes_no_page_of_a_neighbour(struct kunit *test)
{
	struct share_bench *bench = test->priv;
	unsigned int i, held;

	take_many(&bench->pools[0], bench->writes, &bench->nr_writes);
	for (i = 0; i < WRITES && bench->nr_writes < WRITES; i++) {
		struct envelope_bounce *write = &bench->writes[bench->nr_writes];

		KUNIT_ASSERT_TRUE(test, envelope_bounce_try_take(&bench->pools[1],
								 &bench->others[0], WRITE_PAGES));
		envelope_bounce_release(&bench->pools[1], &bench->others[0]);
		if (envelope_bounce_try_take(&bench->pools[0], write, WRITE_PAGES))
			bench->nr_writes++;
	}
	held = envelope_share_used(&bench->pools[0].share);
	KUNIT_EXPECT_LE_MSG(test, held, LIMIT / 2 + HIDDEN, "%u pages of %u", held, LIMIT);
}

/* The only device may have all pages. */
static void only_device_has_all_pages(struct kunit *test)
{
	struct share_bench *bench = test->priv;

	while (bench->nr_pools > 1)
		envelope_bounce_pool_exit(&bench->pools[--bench->nr_pools]);
	take_many(&bench->pools[0], bench->writes, &bench->nr_writes);
	KUNIT_EXPECT_GE(test, bench->nr_writes * (WRITE_PAGES + 1) + HIDDEN, LIMIT);
}

/* 2 % of memory, on a small machine enough for two queues of 8 MiB or 6 %, and 4 MiB at least. */
static void small_machine_has_two_queues(struct kunit *test)
{
	const unsigned long mib = 1048576 / PAGE_SIZE;

	KUNIT_EXPECT_EQ(test, envelope_pages_limit_of(32 * mib), 4 * mib);
	KUNIT_EXPECT_EQ(test, envelope_pages_limit_of(200 * mib), 12 * mib);
	KUNIT_EXPECT_EQ(test, envelope_pages_limit_of(440 * mib), 16 * mib);
	KUNIT_EXPECT_EQ(test, envelope_pages_limit_of(100000 * mib), 2000 * mib);
}

static int give_back_elsewhere(void *data)
{
	struct share_bench *bench = data;

	give_back(&bench->pools[0], bench->writes, &bench->nr_writes);
	complete(&bench->done);
	return 0;
}

/* One CPU submits and another completes: the device may take pages without end. */
static void pages_returned_elsewhere_count(struct kunit *test)
{
	struct share_bench *bench = test->priv;
	struct task_struct *thread;
	unsigned int i, n;

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	for (i = 0; i < 3 * DEVICES; i++) {
		migrate_disable();
		for (n = SHARE_WRITES; n; n--)
			if (envelope_bounce_try_take(&bench->pools[0],
						     &bench->writes[bench->nr_writes], WRITE_PAGES))
				bench->nr_writes++;
		KUNIT_EXPECT_EQ(test, bench->nr_writes, SHARE_WRITES);
		thread = kthread_create(give_back_elsewhere, bench, "envelope_share");
		KUNIT_EXPECT_FALSE(test, IS_ERR(thread));
		if (!IS_ERR(thread))
			kthread_bind(thread,
				     cpumask_any_but(cpu_online_mask, raw_smp_processor_id()));
		migrate_enable();
		KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
		wake_up_process(thread);
		wait_for_completion(&bench->done);
	}
}

/* ---- a write that waits ---- */

static int wait_thread(void *data)
{
	struct share_bench *bench = data;

	/* More pages than a CPU may take uncounted. */
	bench->taken = envelope_bounce_take(&bench->pools[0], &bench->waiting, ENVELOPE_MAX_PAGES,
					    &bench->lc);
	complete_all(&bench->done);
	return 0;
}

/* The first device hangs with its share and with its reserve. One more write of it waits. */
static void start_waiting(struct kunit *test, struct share_bench *bench)
{
	KUNIT_ASSERT_TRUE(test, envelope_bounce_take(&bench->pools[0], &bench->whole,
						     ENVELOPE_MAX_PAGES, &bench->lc));
	KUNIT_ASSERT_TRUE(test, bench->whole.reserved);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(wait_thread, bench, "envelope_wait"));
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&bench->done, A_WHILE), 0);
	KUNIT_EXPECT_TRUE(test, bench->pools[0].share.waits);
}

static void end_waiting(struct kunit *test, struct share_bench *bench, const char *why)
{
	bool ended = wait_for_completion_timeout(&bench->done, LONG_ENOUGH);

	KUNIT_EXPECT_TRUE_MSG(test, ended, "%s", why);
	/* The reserve ends the wait in any case. */
	envelope_bounce_release(&bench->pools[0], &bench->whole);
	if (!ended)
		wait_for_completion(&bench->done);
	KUNIT_EXPECT_TRUE(test, bench->taken);
	envelope_bounce_release(&bench->pools[0], &bench->waiting);
	KUNIT_EXPECT_FALSE(test, bench->pools[0].share.wanted);
	KUNIT_EXPECT_FALSE(test, bench->pools[1].share.wanted);
}

static void waiting_write_gets_pages_of_its_device(struct kunit *test)
{
	struct share_bench *bench = test->priv;

	take_many(&bench->pools[0], bench->writes, &bench->nr_writes);
	start_waiting(test, bench);
	KUNIT_EXPECT_FALSE(test, bench->pools[1].share.wanted);
	give_back(&bench->pools[0], bench->writes, &bench->nr_writes);
	end_waiting(test, bench, "pages of the device came back, and the write waits");
}

/* The device has room in its share, and there is no page. */
static void waiting_write_gets_pages_of_its_neighbour(struct kunit *test)
{
	struct share_bench *bench = test->priv;

	take_many(&bench->pools[1], bench->others, &bench->nr_others);
	envelope_pages_set_limit(envelope_pages_owned());
	envelope_pages_drain();
	take_many(&bench->pools[0], bench->writes, &bench->nr_writes);
	give_back(&bench->pools[0], bench->writes, &bench->nr_writes);
	envelope_pages_drain();
	envelope_pages_set_limit(envelope_pages_owned());
	start_waiting(test, bench);
	KUNIT_EXPECT_TRUE(test, bench->pools[0].share.lacks);
	give_back(&bench->pools[1], bench->others, &bench->nr_others);
	end_waiting(test, bench, "pages of another device came back, and the write waits");
}

static struct kunit_case share_cases[] = {
	KUNIT_CASE(hung_disk_leaves_pages),
	KUNIT_CASE(hung_disk_takes_no_page_of_a_neighbour),
	KUNIT_CASE(only_device_has_all_pages),
	KUNIT_CASE(small_machine_has_two_queues),
	KUNIT_CASE(pages_returned_elsewhere_count),
	KUNIT_CASE(waiting_write_gets_pages_of_its_device),
	KUNIT_CASE(waiting_write_gets_pages_of_its_neighbour),
	{},
};

static struct kunit_suite share_suite = {
	.name = "envelope_share",
	.init = share_init,
	.exit = share_exit,
	.test_cases = share_cases,
};

kunit_test_suite(share_suite);
